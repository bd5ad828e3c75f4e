"""Predictions for people: a table for the terminal here, an HTML page in ``tagger._html``."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from tagger._html import to_html
from tagger._layout import count_articles, first_words, label_order, line_starts, parts_of, place
from tagger.types import Article, Page

__all__ = ["text_width", "to_html", "to_table"]

_INDENT = 4
_MIN_WIDTH = 40
_WIDEST_LABEL = 20


def to_table(page: Page, raw: str, *, title: str = "", width: int = 100, color: bool = False) -> str:
    r"""Lay out a page's articles, topics and spans for a terminal.

    Parameters
    ----------
    page : Page
        What was found.
    raw : str
        The text it was found in; ranges are shown as line numbers of it.
    title : str, optional
        What the first line calls the page, for example its file name.
    width : int, default=100
        Columns of the terminal; Chinese characters take two. Less than 40 counts as 40.
    color : bool, default=False
        Whether to use ANSI colours.

    Returns
    -------
    str
        Ends in a line feed. Control characters of the text never reach the terminal.

    Examples
    --------
    >>> from tagger.types import ModelId, Span, Topic
    >>> raw = "砚川县查账\n审计组进驻砚川县。"
    >>> spans = (Span(0, 3, "PLACE", "砚川县", 0.98), Span(11, 14, "PLACE", "砚川县", 0.97))
    >>> article = Article("砚川县查账", "article", ((0, 15),), (Topic("audit", 0.914),), {"audit": 0.914}, spans)
    >>> print(to_table(Page((article,), 15, ModelId("demo", "1.0.0")), raw, title="a.txt"), end="")
    a.txt · 15 characters · 1 article · demo 1.0.0
    <BLANKLINE>
     1  砚川县查账
        article, lines 1-2
        topics  audit 0.91
        PLACE   砚川县 (2)
    """
    style = _Style(max(width, _MIN_WIDTH), color)
    label_width = _label_width(page)
    starts = line_starts(raw)
    lines = [_heading(page, title, style)]
    for number, article in enumerate(page.articles, start=1):
        lines.append("")
        lines.extend(_article_lines(number, article, raw, starts, label_width, style))
    if not page.articles:
        lines.extend(["", "    nothing found: the text is empty or has no article"])
    return "\n".join(lines) + "\n"


def text_width(text: str) -> int:
    """Count the terminal columns of `text`: two for wide East Asian characters, none for combining marks.

    Examples
    --------
    >>> text_width("砚川县"), text_width("GDP"), text_width("é")
    (6, 3, 1)
    """
    return sum(map(_char_width, text))


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class _Style:
    """Width and colours of the terminal."""

    def __init__(self, width: int, color: bool) -> None:
        self.width = width
        self.color = color

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    def strong(self, text: str) -> str:
        return self.paint(text, "1")

    def faint(self, text: str) -> str:
        return self.paint(text, "2")

    def label(self, text: str) -> str:
        return self.paint(text, "36")


def _heading(page: Page, title: str, style: _Style) -> str:
    facts = [
        f"{page.n_chars:,} character{'s' * (page.n_chars != 1)}",
        count_articles(page),
        f"{_safe(page.model.name)} {_safe(page.model.version)}",
    ]
    return style.faint(" · ").join(([style.strong(_safe(title))] if title else []) + facts)


def _article_lines(
    number: int, article: Article, raw: str, starts: list[int], label_width: int, style: _Style
) -> Iterator[str]:
    gutter = " " * _INDENT
    heads = _wrap([_name(article, raw)], style.width - _INDENT)
    for head, prefix in zip(heads, _then(f"{number:>2}  ", gutter), strict=False):
        yield prefix + style.strong(head)
    for line in _wrap([f"{article.kind}, {place(parts_of(article, raw), starts)}"], style.width - _INDENT):
        yield gutter + style.faint(line)
    for label, items in _rows(article):
        lines = _wrap(items, style.width - _INDENT - label_width)
        for line, shown in zip(lines, _then(_wrap([label], _WIDEST_LABEL)[0], ""), strict=False):
            yield gutter + style.label(shown) + " " * (label_width - text_width(shown)) + line


def _then(first: str, rest: str) -> Iterator[str]:
    """Give `first` once, then `rest` for ever."""
    yield first
    while True:
        yield rest


def _name(article: Article, raw: str) -> str:
    """Return the title, or the first words in quotes where there is none."""
    if article.title.strip():
        return _safe(article.title)
    return f"(no title) “{_safe(first_words(article, raw))}”"


def _rows(article: Article) -> Iterator[tuple[str, list[str]]]:
    if article.kind == "article":
        topics = [f"{_safe(topic.label)} {topic.probability:.2f}" for topic in article.topics]
        yield "topics", _with_commas(topics or ["none of the model's topics"])
    counts: dict[str, Counter[str]] = {}
    for span in article.spans:
        counts.setdefault(span.label, Counter())[_safe(span.text)] += 1
    for label in sorted(counts, key=label_order):
        # Most frequent first; of equal counts the one that the article names first, which is what Counter keeps.
        named = [text if n == 1 else f"{text} ({n})" for text, n in counts[label].most_common()]
        yield _safe(label), _with_commas(named)


def _with_commas(items: list[str]) -> list[str]:
    return [f"{item}, " for item in items[:-1]] + items[-1:]


def _label_width(page: Page) -> int:
    labels = {"topics"} | {span.label for article in page.articles for span in article.spans}
    return min(max(text_width(_safe(label)) for label in labels), _WIDEST_LABEL) + 2


def _safe(text: str) -> str:
    """Put `text` on one line, without what a terminal would act on (escapes, text direction) instead of showing it."""
    return "".join(map(_safe_char, " ".join(text.split())))


def _safe_char(char: str) -> str:
    if char.isprintable():
        return char
    return "" if unicodedata.category(char) == "Cf" else "\N{REPLACEMENT CHARACTER}"


def _wrap(items: Iterable[str], width: int) -> list[str]:
    """Fill lines with `items`; one that does not fit on a line of its own is cut where the line ends."""
    lines, line, used = [], "", 0
    for item in items:
        if used + text_width(item.rstrip()) > width and used:
            lines.append(line.rstrip())
            line, used = "", 0
        for char in item:
            if used + _char_width(char) > width and char != " ":
                lines.append(line.rstrip())
                line, used = "", 0
            line, used = line + char, used + _char_width(char)
    return [*lines, line.rstrip()]
