"""How much the text around a short line speaks for a new article beginning with it."""

from __future__ import annotations

import re
from typing import Final

from tagger.page import _patterns as p

__all__ = ["bigrams", "opening_score"]

_HAN_RUN = re.compile(r"[\u3400-\u9fff]{2,}")
_BEFORE: Final = 600  # characters of the article so far, and
_AFTER: Final = 200  # of the text that follows, of which
_LEAD: Final = 80  # is a lead, where a headline is said again
_WHEN: Final = 60  # and, still earlier, the day named

# Log-odds: a logistic regression, rounded, between 9,900 headlines (television bulletins and the items of whole
# programmes) and 1,341 sub-headings and other short lines inside articles; it gets 99 of 100 bulletin headlines right,
# 87 of the programmes' and 92 of the sub-headings. Cohesion weighs most: a sub-heading's section goes on with the
# words of the article, a new article has its own.
_BIAS: Final = -0.9
_REPEATED: Final = 4.3
_COHESION: Final = -10.5
_KNOWN: Final = -3.6
_DATED: Final = 1.5
_TWO_CLAUSES: Final = 0.9
_NEWS_VERB: Final = 1.6
_LABEL: Final = -3.3
# Set by hand, since that data has none of it: lines without a byline are rarer on pages with bylines, sub-headings
# seldom come in twos and seldom ask, a line with 公告 at its end is a title whatever it is about, and a beginning
# without a headline has it elsewhere, likely below.
_UNSIGNED: Final = -1.0
_HEADLESS: Final = 2.0
_SEVERAL_LINES: Final = 4.0
_NOTICE: Final = 8.0
_QUERY: Final = -2.0

_LABEL_LENGTH: Final = 8  # characters below which a line names a section rather than an event


def bigrams(text: str) -> set[str]:
    """Return the pairs of neighbouring Chinese characters in `text`."""
    return {run[i : i + 2] for run in _HAN_RUN.findall(text) for i in range(len(run) - 1)}


def opening_score(
    title: str, after: str, before: str, *, n_lines: int = 1, signed_page: bool = False, headless: bool = False
) -> float:
    """Return the log-odds that `title` opens an article and is no sub-heading of the one before it.

    ``score = 4.3 r - 10.5 c - 3.6 k + 1.5 d + 0.9 s + 1.6 v - 3.3 l - 0.9 + corrections``, where `r` is the share of
    the title's character pairs that the next 80 characters repeat; `c` the share of the following text's pairs that
    the article before has, and `k` that of the title's; the others are 1 or 0: `d` if the text says within 60
    characters when something happened, `s` if the title has two clauses with a space between, `v` if it has a verb
    of news, `l` if it has less than 8 characters.

    Parameters
    ----------
    title : str
        The short line or lines.
    after, before : str
        The text that follows, and that of the article so far; 200 and 600 characters next to the title count.
    n_lines : int, default=1
        How many lines the title has.
    signed_page : bool, default=False
        Whether the page has bylines or datelines, which the title in question lacks.
    headless : bool, default=False
        Whether the article before begins with a byline or dateline.

    Returns
    -------
    float
        Natural log-odds; ``-inf`` if no text follows.

    Examples
    --------
    >>> before = "砚川市昨日开通两条公交线，首班车六点发车。"
    >>> opening_score("鹿泷县茶园开采", "4月1日，鹿泷县五千亩茶园开采。", before) > 0
    True
    >>> opening_score("首班车提前", "公交线的首班车将提前发车，砚川市公交集团说。", before) > 0
    False
    """
    following = bigrams(after[:_AFTER])
    if not following:
        return float("-inf")
    heading, lead, known = bigrams(title), after[:_LEAD], before[-_BEFORE:]
    score = _BIAS + _COHESION * _share(following, known)
    score += _REPEATED * _share(heading, lead) + _KNOWN * _share(heading, known)
    score += _DATED * bool(p.LEAD_TIME.search(after[:_WHEN])) + _LABEL * (len(title) < _LABEL_LENGTH)
    score += _TWO_CLAUSES * (" " in title or "\u3000" in title) + _NEWS_VERB * bool(p.NEWS_VERB.search(title))
    score += _UNSIGNED * signed_page + _HEADLESS * headless + _SEVERAL_LINES * (n_lines > 1)
    return score + _NOTICE * bool(p.NOTICE_TITLE.search(title)) + _QUERY * (title[-1] in p.SENTENCE_END)


def _share(grams: set[str], text: str) -> float:
    """Return the share of `grams` that stand in `text`; searching is faster than making a set of it."""
    return sum(gram in text for gram in grams) / len(grams) if grams else 0.0
