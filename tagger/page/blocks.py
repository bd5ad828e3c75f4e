"""The lines of a page and what can be seen of each by itself: features, no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from tagger.page import _patterns as p

__all__ = ["MAX_TITLE", "Line", "Look", "read_lines"]

MAX_TITLE: Final = 56  # characters; the longest headline line seen on real pages has 43, OCR joins two at most
_MAX_BYLINE: Final = 60
_MAX_FURNITURE: Final = 40
_OPENERS_NEVER_FIRST: Final = frozenset("，,。；;、：:！？!?”’）)》」』…")
_NEVER_LAST: Final = frozenset("，,。；;、…")


class Look(Enum):
    """What a line looks like on its own; what it is depends on its neighbours."""

    BODY = "running text"
    TITLE = "short, not closed as a sentence is"
    QUERY = "short, closed by a question or exclamation mark: a headline or somebody speaking"
    BYLINE = "names reporters"
    SIGNATURE = "names in brackets"
    CREDIT = "names a photographer"
    DATELINE = "opens a report"
    CAPTION = "says what a picture shows"
    MASTHEAD = "the paper about itself"
    NOTICE = "a hotline, or a slogan and who paid for it"
    DATE = "a date and nothing else"
    JUMP = "points to another page and says nothing else"


@dataclass(slots=True)
class Line:
    """A line of the page without the white space at its ends.

    Attributes
    ----------
    start, end : int
        Characters of the page; never empty.
    text : str
        The line itself, whole if it is short, else its first `HEAD` characters.
    look : Look
        What it looks like.
    ended : bool
        It closes a sentence, so that what follows may be something new. A jump after the sentence does not count.
    resumed : int
        Where a jump back (上接某版) at its start ends; `start` if there is none.
    text_start, text_end : int
        What stands between the jumps, without white space at its ends; empty if the line is nothing but a jump.
    jump : int
        Where a jump to another page at its end begins; `end` if there is none.
    """

    start: int
    end: int
    text: str
    look: Look
    ended: bool
    resumed: int
    text_start: int
    text_end: int
    jump: int

    @property
    def jumps_back(self) -> bool:
        """Whether it opens with the rest of an article from another page."""
        return self.resumed > self.start

    @property
    def jumps_on(self) -> bool:
        """Whether the article goes on on another page."""
        return self.jump < self.end


def read_lines(text: str) -> list[Line]:
    r"""Cut a page into its lines that are not blank, in time linear in its length.

    Parameters
    ----------
    text : str
        A page, normalised or raw; lines end as in `str.splitlines`.

    Returns
    -------
    list of Line
        Every character that is not white space is in exactly one of them.

    Examples
    --------
    >>> [(line.text, line.look.name) for line in read_lines("新园开门\n\n■本报记者 苏砚秋\n本报讯 昨日开园。")]
    [('新园开门', 'TITLE'), ('■本报记者 苏砚秋', 'BYLINE'), ('本报讯 昨日开园。', 'DATELINE')]
    """
    lines = []
    for match in p.LINE.finditer(text):
        whole = match.group()
        stripped = whole.strip()
        if stripped:
            start = match.start() + len(whole) - len(whole.lstrip())
            lines.append(_look_at(stripped, start))
    return lines


def _look_at(text: str, start: int) -> Line:
    back = p.JUMP_HEAD.match(text[: p.HEAD])
    resumed = back.end() if back else 0
    jump = max(_jump_start(text), resumed)
    inner = text[resumed:jump]
    text_end = resumed + len(inner.rstrip())
    return Line(
        start=start,
        end=start + len(text),
        text=text[: p.HEAD],
        look=_look(text, inner.strip()),
        ended=_ends_sentence(text),
        resumed=start + resumed,
        text_start=start + min(text_end, resumed + len(inner) - len(inner.lstrip())),
        text_end=start + text_end,
        jump=start + jump,
    )


def _jump_start(text: str) -> int:
    offset = max(0, len(text) - p.TAIL)
    tail = text[offset:]
    if "版" not in tail and "待续" not in tail:  # nearly every line: spare the search
        return len(text)
    match = p.JUMP_TAIL.search(tail)
    return offset + match.start() if match else len(text)


def _ends_sentence(text: str) -> bool:
    for char in reversed(text[-4:]):
        if char in p.SENTENCE_END:
            return True
        if char not in p.CLOSERS:
            return False
    return False


def _look(text: str, inner: str) -> Look:
    if not inner:
        return Look.JUMP
    if len(text) <= _MAX_BYLINE:
        furniture = _look_of_short(text)
        if furniture is not None:
            return furniture
    if p.DATELINE.match(text[: p.HEAD]):
        return Look.DATELINE
    if p.CAPTION.match(text[:8]) or (text[-1] in ")）" and p.PHOTOGRAPH.search(text[-p.TAIL :])):
        return Look.CAPTION
    return _title_look(inner)


def _look_of_short(text: str) -> Look | None:
    if text[-1] in "，,。；;、":
        return None
    if text[-1] not in p.SENTENCE_END and p.BYLINE.match(text):  # 记者：为什么？ is an interview
        return Look.CREDIT if p.CREDIT.search(text) else Look.BYLINE
    if p.SIGNATURE.match(text):
        return Look.SIGNATURE
    if len(text) > _MAX_FURNITURE:
        return None
    if p.DATE_ONLY.match(text):
        return Look.DATE
    if p.NOTICE_LINE.search(text) and not p.MASTHEAD.search(text):
        return Look.NOTICE
    if p.MASTHEAD.search(text) or p.LATIN_NAME.match(text):
        return Look.MASTHEAD
    return None


def _title_look(text: str) -> Look:
    if len(text) > MAX_TITLE or text[0] in _OPENERS_NEVER_FIRST or text[-1] in _NEVER_LAST:
        return Look.BODY
    closed = _ends_sentence(text)
    if closed and (len(text) > 30 or "。" in text):
        return Look.BODY
    if text.count("。") > 1 or text.count("，") + text.count(",") > 2:
        return Look.BODY
    if p.SPEECH.match(text) or p.SET_PHRASE.search(text) or p.ENUMERATION.match(text) or p.FIELD.match(text):
        return Look.BODY
    return Look.QUERY if closed else Look.TITLE
