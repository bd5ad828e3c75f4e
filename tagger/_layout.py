"""What every view of a page says in the same words: on which lines an article stands, and what to call it."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from tagger.types import Article, Page

__all__ = ["count_articles", "first_words", "label_order", "line_starts", "parts_of", "place"]

_FIRST_WORDS = 24
_LABEL_ORDER = ("PERSON", "POSITION", "ORG", "PLACE", "PARK", "TIME", "EVENT", "POLICY", "DOCUMENT")


def line_starts(raw: str) -> list[int]:
    r"""Return the offset at which each line of `raw` starts; a line ends with its line feed.

    Examples
    --------
    >>> line_starts("鹭洲\n日报\n")
    [0, 3, 6]
    """
    return [0, *accumulate(len(line) + 1 for line in raw.split("\n")[:-1])]


def parts_of(article: Article, raw: str) -> list[tuple[int, int]]:
    r"""Return the ranges of `article`, those joined that only white space stands between: what a reader sees apart.

    Examples
    --------
    >>> parts_of(Article("", "article", ((0, 1), (2, 3), (5, 6))), "甲\n乙\n丙丁")
    [(0, 3), (5, 6)]
    """
    parts: list[tuple[int, int]] = []
    for start, end in sorted(article.ranges):
        if parts and not raw[parts[-1][1] : start].strip():
            parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
        else:
            parts.append((start, end))
    return parts


def place(parts: list[tuple[int, int]], starts: list[int]) -> str:
    """Say on which lines, counted from 1, the parts of an article stand.

    Examples
    --------
    >>> place([(0, 7), (9, 10)], [0, 3, 6, 9])
    'lines 1-3, 4'
    """
    pieces = []
    for start, end in parts:
        first, last = bisect_right(starts, start), bisect_right(starts, max(start, end - 1))
        pieces.append(f"{first}" if first == last else f"{first}-{last}")
    shown = ", ".join(pieces)
    return f"line {shown}" if shown.isdigit() else f"lines {shown or 'none'}"


def first_words(article: Article, raw: str) -> str:
    """Return the opening of an article that has no title, on one line.

    Examples
    --------
    >>> first_words(Article("", "notice", ((0, 4),), body="停水通告"), "停水通告")
    '停水通告'
    """
    text = article.body or "".join(raw[start:end] for start, end in article.ranges[:1])
    words = " ".join(text[: 8 * _FIRST_WORDS].split())
    return words if len(words) <= _FIRST_WORDS else f"{words[:_FIRST_WORDS]}…"


def count_articles(page: Page) -> str:
    """Count what is an article, in words: captions, notices and mastheads are not."""
    n = sum(article.kind == "article" for article in page.articles)
    return f"{n} article{'s' * (n != 1)}"


def label_order(label: str) -> tuple[int, str]:
    """Key that sorts span labels: who, which body, where and when come first, then the user's own by name.

    Examples
    --------
    >>> sorted(["TIME", "作物", "ORG"], key=label_order)
    ['ORG', 'TIME', '作物']
    """
    return (_LABEL_ORDER.index(label) if label in _LABEL_ORDER else len(_LABEL_ORDER), label)
