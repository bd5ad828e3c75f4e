"""What the page segmenter gives: blocks with roles, grouped into articles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tagger.types import ArticleKind

__all__ = ["Block", "PageArticle", "Role"]

Role = Literal["kicker", "headline", "subheadline", "byline", "body", "caption", "masthead", "notice", "jump"]


@dataclass(frozen=True, slots=True)
class Block:
    """A line of the page, or a part of one, and what it is there for.

    Attributes
    ----------
    start, end : int
        Characters of the page's text, `end` exclusive; never empty, never starting or ending with white space.
    role : Role
        ``"kicker"`` stands above a headline (or names a column), ``"subheadline"`` below it; ``"byline"`` names
        reporters, photographers or those who sign; ``"jump"`` points to another page.
    """

    start: int
    end: int
    role: Role


@dataclass(frozen=True, slots=True)
class PageArticle:
    """One article of a page as blocks in reading order, which need not be the order of the page.

    Attributes
    ----------
    kind : ArticleKind
        ``"article"``, ``"caption"``, ``"notice"`` or ``"masthead"``.
    blocks : tuple of Block
        Never empty. No block overlaps another one, of this or another article.
    """

    kind: ArticleKind
    blocks: tuple[Block, ...]

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Return the blocks' ranges in page order."""
        return tuple(sorted((block.start, block.end) for block in self.blocks))
