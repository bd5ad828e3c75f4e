"""From roles to articles: contiguous groups of lines, and text that goes on after a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tagger.page import _patterns as p
from tagger.page._types import Block, PageArticle, Role
from tagger.page.blocks import Line, Look
from tagger.page.roles import Decisions
from tagger.types import ArticleKind

__all__ = ["HEAD_ROLES", "Draft", "group", "is_closed", "to_article"]

HEAD_ROLES = frozenset(("kicker", "headline", "subheadline"))
_HEAD_RANK: dict[Role, int] = {"kicker": 0, "headline": 1, "subheadline": 2, "byline": 3}
_CAPTION_BODY = 2  # paragraphs that text under a picture has at most, if only its photographer signs it


@dataclass(slots=True)
class Draft:
    """An article as line numbers in reading order."""

    kind: ArticleKind
    lines: list[int]


def group(lines: Sequence[Line], decisions: Decisions) -> list[Draft]:
    """Cut the lines where something opens, and put body text behind a picture or notice to the article it interrupts.

    Parameters
    ----------
    lines : sequence of Line
        From `read_lines`.
    decisions : Decisions
        From `decide_roles`.

    Returns
    -------
    list of Draft
        Together they hold every line once.
    """
    starts = [i for i, opens in enumerate(decisions.opens) if opens]
    drafts: list[Draft] = []
    unfinished: Draft | None = None  # the last article, unless it was certainly over
    for start, end in pairwise([*starts, len(lines)]):
        draft = Draft(_kind(lines, decisions.roles, range(start, end)), list(range(start, end)))
        if draft.kind != "article":
            drafts.append(draft)
        elif unfinished and unfinished is not drafts[-1] and _goes_on(lines[start], decisions.roles[start]):
            unfinished.lines += draft.lines
        else:
            drafts.append(draft)
            unfinished = None if is_closed(lines[end - 1], decisions.roles[end - 1]) else draft
    return drafts


def _goes_on(line: Line, role: Role) -> bool:
    return role == "body" and line.look is not Look.DATELINE and not line.jumps_back


def is_closed(line: Line, role: Role) -> bool:
    """Whether an article that ends with this line is certainly over: signed below, or continued on another page."""
    return role in ("byline", "jump") or line.jumps_on


def _kind(lines: Sequence[Line], roles: Sequence[Role], members: Sequence[int]) -> ArticleKind:
    found = {roles[i] for i in members}
    for special in ("masthead", "notice", "caption"):
        if special in found:
            return special
    looks = {lines[i].look for i in members}
    bodies = sum(roles[i] == "body" for i in members)
    if Look.CREDIT in looks and Look.DATELINE not in looks and bodies <= _CAPTION_BODY:
        return "caption"
    if not looks & {Look.BYLINE, Look.DATELINE} and any(_announces(lines[i], roles[i]) for i in members):
        return "notice"
    return "article"


def _announces(line: Line, role: Role) -> bool:
    return role == "headline" and bool(p.NOTICE_TITLE.search(line.text))


def to_article(lines: Sequence[Line], roles: Sequence[Role], draft: Draft) -> PageArticle:
    """Make blocks of an article's lines, parting jumps from the text on the same line, head before body."""
    blocks = [block for i in draft.lines for block in _blocks(lines[i], roles[i])]
    n_head = next((k for k, block in enumerate(blocks) if block.role not in _HEAD_RANK), len(blocks))
    head = sorted(blocks[:n_head], key=lambda block: _HEAD_RANK[block.role])
    return PageArticle(draft.kind, (*head, *blocks[n_head:]))


def _blocks(line: Line, role: Role) -> list[Block]:
    if role == "jump":
        return [Block(line.start, line.end, role)]
    parts: list[tuple[int, int, Role]] = [
        (line.start, line.resumed, "jump"),
        (line.text_start, line.text_end, role),
        (line.jump, line.end, "jump"),
    ]
    return [Block(start, end, part) for start, end, part in parts if start < end]
