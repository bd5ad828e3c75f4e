"""The text of one article out of its blocks, every character knowing where it stands on the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tagger.page import _patterns as p
from tagger.page._types import Block, PageArticle, Role
from tagger.text._layout import Seam, glue, seam
from tagger.text.alignment import Alignment

__all__ = ["Assembled", "assemble"]

_EDGE: Final = 120  # characters next to a break by which it is judged; the rules look at 40 of them
_RUNNING: Final[frozenset[Role]] = frozenset(("body", "caption"))
_BODY: Final[frozenset[Role]] = frozenset(("body", "caption", "notice", "masthead"))
_ONE_LINE: Final[frozenset[Role]] = frozenset(("headline", "byline"))


@dataclass(frozen=True, slots=True)
class Assembled:
    """An article as one text.

    Attributes
    ----------
    text : str
        Its lines in reading order: kicker, title, subheadlines, byline, body, each on lines of their own.
    alignment : Alignment
        From `text` to the page.
    title, byline : str
        The headline's and the byline's lines, joined by one space; ``""`` where there is none.
    body : str
        The running text alone, paragraphs parted by one line end.
    """

    text: str
    alignment: Alignment
    title: str
    byline: str
    body: str


def assemble(text: str, article: PageArticle, *, is_word: Callable[[str], bool] | None = None) -> Assembled:
    r"""Put an article's blocks together.

    Body text that a column break cuts in mid-sentence is joined without a space, and a character that the break
    printed twice stands once (see `tagger.text.seam`); other blocks are parted by a line end, lines of the same
    headline or byline by a space.

    Parameters
    ----------
    text : str
        The page that was segmented.
    article : PageArticle
        One of its articles.
    is_word : callable, optional
        Whether a string is a word, which decides more cases of doubled characters.

    Returns
    -------
    Assembled
        ``text[slice(*alignment.to_raw(i, i + 1))]`` is the character ``i`` of its text, line ends apart.

    Raises
    ------
    InputError
        If a block leaves the text: the article is of another page.

    Examples
    --------
    >>> from tagger.page import PageSegmenter
    >>> page = "新桥合龙\n■本报记者 唐维桢\n本报讯 昨日，砚川市新\n\n桥合龙。"
    >>> article = assemble(page, PageSegmenter().segment(page)[0])
    >>> article.text
    '新桥合龙\n■本报记者 唐维桢\n本报讯 昨日，砚川市新桥合龙。'
    >>> article.alignment.to_raw(25, 27), page[25:29]
    ((25, 29), '新\n\n桥')
    """
    separators: list[str] = []
    ranges: list[tuple[int, int]] = [(block.start, block.end) for block in article.blocks]
    for k, (left, right) in enumerate(pairwise(article.blocks)):
        separator, dropped = _separator(text, left, right, is_word)
        separators.append(separator)
        ranges[k + 1] = (right.start + dropped, right.end)
    return Assembled(
        text=_join(text, ranges, separators),
        alignment=Alignment.gather(len(text), ranges, separators=separators),
        title=" ".join(text[b.start : b.end] for b in article.blocks if b.role == "headline"),
        byline=" ".join(text[b.start : b.end] for b in article.blocks if b.role == "byline"),
        body=_body(text, article.blocks, ranges, separators),
    )


def _separator(text: str, left: Block, right: Block, is_word: Callable[[str], bool] | None) -> tuple[str, int]:
    """Return what stands between two blocks, and how many characters of the right one are dropped."""
    if left.role == right.role and left.role in _ONE_LINE:
        return " ", 0
    if left.role not in _RUNNING or right.role != left.role:
        return "\n", 0
    before = text[max(left.start, left.end - _EDGE) : left.end]
    after = text[_indented(text, right.start) : min(right.end, right.start + _EDGE)]
    # A short line without a comma may be a sub-heading, unless it opens as sentences do: then its break is no end.
    width = len(before) if p.SENTENCE_START.match(before) else None
    found = seam(before, after, width=width, is_word=is_word)
    if found is Seam.PARAGRAPH:
        return "\n", 0
    return glue(before, after.lstrip()), int(found is Seam.JOIN_DROP_DOUBLE)


def _indented(text: str, start: int) -> int:
    """Return where the white space before `start` begins on its line: indentation opens a paragraph."""
    while start and text[start - 1] in " \t\u3000":
        start -= 1
    return start


def _join(text: str, ranges: Sequence[tuple[int, int]], separators: Sequence[str]) -> str:
    pieces = [text[start:end] for start, end in ranges]
    return "".join(piece + separator for piece, separator in zip(pieces, [*separators, ""], strict=True))


def _body(text: str, blocks: Sequence[Block], ranges: Sequence[tuple[int, int]], separators: Sequence[str]) -> str:
    pieces: list[str] = []
    last = -1
    for k, block in enumerate(blocks):
        if block.role in _BODY:
            if pieces:
                pieces.append(separators[k - 1] if last == k - 1 else "\n")
            pieces.append(text[slice(*ranges[k])])
            last = k
    return "".join(pieces)
