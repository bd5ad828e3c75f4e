"""Articles printed in pieces: a beginning without a headline, and its headline elsewhere on the page.

A column that breaks off in an article may go on with the byline and first paragraphs of another one, return to the
first, and only then show the other one's headline above the rest of its text. The pieces are told by their shape; that
they belong together is told by the words they share, and nothing is joined that shares too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import log
from typing import Final

from tagger.page._types import Role
from tagger.page.blocks import Line, Look
from tagger.page.grouping import HEAD_ROLES, Draft, is_closed

__all__ = ["headline_repetition", "link"]

_NEAR: Final = 8  # articles: a page has hardly more, and a file of many pages must not join one to another
_MAX_PAGE: Final = 200_000  # characters: longer is no page, and its rare words are not rare
_MIN_PAIRS: Final = 4  # a headline of fewer different character pairs could be anybody's
# Character pairs and triples by which the returned text must be nearer to the interrupted article. On 250 pages each,
# composed of invented articles, 6 gave an interrupted article its text back to the paragraph in 51 of 100 cases and
# tore 6 of 100 that were not interrupted; 0 did so in 71 and 17, 15 in 29 and 1.
_RETURN_MARGIN: Final = 6


def link(text: str, lines: Sequence[Line], roles: Sequence[Role], drafts: list[Draft], threshold: float) -> list[Draft]:
    """Join beginnings without a headline to headlines without a beginning.

    A beginning starts with a byline or dateline and has no headline; a bare headline has neither byline nor dateline.
    Of the bare headlines among the 8 articles before and after, the one is taken whose `headline_repetition` in the
    beginning's first paragraph is highest, if it exceeds `threshold`. Where the beginning's last paragraphs share
    more with the article that it interrupts, they go back to it (see `_cut`).

    Parameters
    ----------
    text : str
        The page.
    lines, roles : sequence of Line, of Role
        What stands on it.
    drafts : list of Draft
        From `group`.
    threshold : float
        In [0, 1]; above 1 nothing is joined.

    Returns
    -------
    list of Draft
        The joined ones in place of their headlines. They hold the same lines, each once.
    """
    beginnings = [d for d, draft in enumerate(drafts) if d and _is_beginning(lines, roles, draft)]
    if not beginnings or len(text) > _MAX_PAGE:
        return drafts
    page = _Words(text, lines, roles)
    bare = {d for d, draft in enumerate(drafts) if _is_bare(lines, roles, draft)}
    result: list[Draft] = list(drafts)
    for b in beginnings:
        near = {h: page.repetition(drafts[h], drafts[b]) for h in sorted(bare) if abs(h - b) <= _NEAR}
        best = max(near, key=near.__getitem__, default=b)
        if near.get(best, 0.0) > threshold:
            bare.discard(best)
            _join(page, result, b, best)
    return [draft for draft in result if draft.lines]


def headline_repetition(headline: set[str], lead: set[str], frequency: Counter[str], n: int) -> float:
    """Return how much of a headline a paragraph repeats, its rare words counting most.

    ``sum(w(g) for g in headline & lead) / sum(w(g) for g in headline)`` over character pairs, with
    ``w(g) = log(n / frequency[g])``. In pages composed of invented articles, the paragraph of another article
    exceeds 0.09 twice in 100 times, the headline's own lead three times in four.

    Parameters
    ----------
    headline, lead : set of str
        Character pairs.
    frequency : Counter
        In how many of the page's lines each pair stands.
    n : int
        Lines on the page.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> frequency = Counter({"砚川": 4, "茶园": 1, "开采": 1})
    >>> headline_repetition({"砚川", "茶园", "开采"}, {"砚川", "茶园"}, frequency, 4)
    0.5
    """
    weight = {gram: log(n / max(1, frequency[gram])) for gram in headline}
    total = sum(weight.values())
    return sum(weight[gram] for gram in headline & lead) / total if total > 0 else 0.0


def _is_beginning(lines: Sequence[Line], roles: Sequence[Role], draft: Draft) -> bool:
    first = draft.lines[0]
    found = {roles[i] for i in draft.lines}
    starts = roles[first] == "byline" or lines[first].look is Look.DATELINE
    return draft.kind == "article" and starts and "body" in found


def _is_bare(lines: Sequence[Line], roles: Sequence[Role], draft: Draft) -> bool:
    looks = {lines[i].look for i in draft.lines}
    signed = looks & {Look.BYLINE, Look.DATELINE, Look.CREDIT}
    return draft.kind == "article" and not signed and roles[draft.lines[0]] in HEAD_ROLES


def _join(page: _Words, drafts: list[Draft], beginning: int, headed: int) -> None:
    """Put the beginning `drafts[beginning]` into the article `drafts[headed]`, and back what is not its own."""
    own = drafts[beginning].lines
    head, rest = page.parts(drafts[headed])
    interrupted = _interrupted(page, drafts, beginning)
    kept = len(own)
    if interrupted is not None:
        kept = _cut(page, own, drafts[headed].lines, drafts[interrupted].lines)
        drafts[interrupted] = Draft("article", drafts[interrupted].lines + own[kept:])
    drafts[headed] = Draft("article", [*head, *own[:kept], *rest])
    drafts[beginning] = Draft("article", [])


def _interrupted(page: _Words, drafts: Sequence[Draft], beginning: int) -> int | None:
    """Return the article right before, unless it is over: signed below, or continued on another page."""
    for d in range(beginning - 1, -1, -1):
        if drafts[d].kind == "article" and drafts[d].lines:
            last = drafts[d].lines[-1]
            return None if is_closed(page.lines[last], page.roles[last]) else d
    return None


def _cut(page: _Words, own: Sequence[int], headed: Sequence[int], interrupted: Sequence[int]) -> int:
    """Return how many of the lines `own` stay; the rest goes back to the interrupted article.

    Each paragraph counts the character pairs and triples that it shares with the headed article and not with the
    interrupted one, less those of which the reverse is true. The cut is where the sum before it is highest, that is
    where the returned text is the most foreign; but all stays if fewer than 6 pairs and triples speak for returning it.
    """
    lead_end = page.lead_end(own)
    home = page.shapes([*headed, *own[:lead_end]])
    away = page.shapes(interrupted)
    sums, ends = [0], [lead_end]
    for start, end in page.paragraphs(own, lead_end):
        found = page.shapes(own[start:end])
        sums.append(sums[-1] + len(found & home - away) - len(found & away - home))
        ends.append(end)
    best = max(range(len(sums)), key=lambda k: (sums[k], k))
    return ends[best] if sums[best] - sums[-1] >= _RETURN_MARGIN else len(own)


class _Words:
    """A page's lines and the character pairs and triples in them."""

    def __init__(self, text: str, lines: Sequence[Line], roles: Sequence[Role]) -> None:
        self.text = text
        self.lines = lines
        self.roles = roles
        self.frequency = Counter(gram for i in range(len(lines)) for gram in self.grams([i], 2))

    def grams(self, members: Sequence[int], size: int) -> set[str]:
        found: set[str] = set()
        for i in members:
            line = "".join(self.text[self.lines[i].start : self.lines[i].end].split())
            found.update(line[k : k + size] for k in range(len(line) - size + 1))
        return found

    def shapes(self, members: Sequence[int]) -> set[str]:
        return self.grams(members, 2) | self.grams(members, 3)

    def parts(self, draft: Draft) -> tuple[list[int], list[int]]:
        """Return the lines of a bare article's head, and the others."""
        n = next((k for k, i in enumerate(draft.lines) if self.roles[i] not in HEAD_ROLES), len(draft.lines))
        return draft.lines[:n], draft.lines[n:]

    def lead_end(self, own: Sequence[int]) -> int:
        """Return where the first paragraph of a beginning ends, as an index into its lines."""
        first = next(k for k, i in enumerate(own) if self.roles[i] == "body")
        return next(iter(self.paragraphs(own, first)))[1]

    def paragraphs(self, own: Sequence[int], start: int) -> Iterator[tuple[int, int]]:
        """Yield runs of lines that end with a sentence: what a column break parts stays together."""
        for k in range(start, len(own)):
            if self.lines[own[k]].ended or k == len(own) - 1:
                yield start, k + 1
                start = k + 1

    def repetition(self, headed: Draft, beginning: Draft) -> float:
        headline = self.grams(self.parts(headed)[0], 2)
        if len(headline) < _MIN_PAIRS:
            return 0.0
        own = beginning.lines
        lead = self.grams([i for i in own[: self.lead_end(own)] if self.roles[i] == "body"], 2)
        return headline_repetition(headline, lead, self.frequency, len(self.lines))
