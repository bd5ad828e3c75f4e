"""Rules from lines to roles: what each line is, and which lines open something new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from tagger.page import _patterns as p
from tagger.page._evidence import opening_score
from tagger.page._types import Role
from tagger.page.blocks import Line, Look

__all__ = ["Decisions", "decide_roles", "head_roles"]

_HEADLINE_LIKE = (Look.TITLE, Look.QUERY)
_NAMING = (Look.BYLINE, Look.CREDIT)
_BEFORE, _AFTER = 800, 400  # characters around a short line: more than the evidence looks at
_SHORT_LABEL = 5  # 读者来信, 国际友城: a first line this short names the column, not the article
_NOTICE_HEAD = 2  # lines above a slogan's sponsor that are the slogan
_SIGNED_BY = 3  # a notice is signed by three offices at most, each on a line of its own


class _State(Enum):
    """What was read last, as far as it decides what the next line can be."""

    START = "nothing yet, or an article that is certainly over"
    HEAD = "headline lines"
    BYLINE = "a byline below a headline or at the head of a fragment: the body must follow"
    BODY = "running text"
    CAPTION = "a caption: its photographer may follow"


@dataclass(slots=True)
class Decisions:
    """A role for each line, and whether the line opens a new article.

    Attributes
    ----------
    roles : list of Role
        One each line.
    opens : list of bool
        One each line; the first is true, unless there is none.
    """

    roles: list[Role] = field(default_factory=list)
    opens: list[bool] = field(default_factory=list)


def decide_roles(text: str, lines: Sequence[Line], threshold: float = 0.0) -> Decisions:
    r"""Decide what each line of a page is.

    Parameters
    ----------
    text : str
        The page.
    lines : sequence of Line
        Its lines, from `read_lines`.
    threshold : float, default=0.0
        Log-odds above which a short line that no byline or dateline follows opens an article.

    Returns
    -------
    Decisions
        As long as `lines`.

    Examples
    --------
    >>> from tagger.page.blocks import read_lines
    >>> page = "苏砚秋在砚川市调研时强调——\n把路修到村口\n■本报记者 唐维桢\n本报讯 昨日，路通了。"
    >>> decide_roles(page, read_lines(page)).roles
    ['kicker', 'headline', 'byline', 'body']
    """
    reader = _Reader(text, lines, threshold)
    reader.read()
    return Decisions(reader.roles, reader.opens)


def head_roles(heads: Sequence[Line]) -> list[Role]:
    """Tell kicker, headline and subheadline in the lines above an article.

    The headline is the first line that is not a kicker, and the next one too if the first ends with a colon. The name
    of a column alone (图片新闻) is a kicker without a headline.
    """
    roles: list[Role] = ["subheadline"] * len(heads)
    main = 0
    while main < len(heads) - 1 and _is_kicker(heads[main].text, heads[main + 1].text):
        roles[main] = "kicker"
        main += 1
    roles[main] = "kicker" if len(heads) == 1 and p.COLUMN.match(heads[0].text) else "headline"
    if heads[main].text[-1] in ":：" and main + 1 < len(heads):
        roles[main + 1] = "headline"
    return roles


def _is_kicker(line: str, following: str) -> bool:
    if following.startswith("—") or p.INSCRIPTION.match(following) or p.STAGE.match(following):
        return False
    return bool(p.KICKER_END.search(line) or p.COLUMN.match(line)) or len(line) <= _SHORT_LABEL


class _Reader:
    """One pass over the lines; each method reads the lines of one kind from `i` and returns where it stopped."""

    def __init__(self, text: str, lines: Sequence[Line], threshold: float) -> None:
        self.text = text
        self.lines = lines
        self.threshold = threshold
        self.roles: list[Role] = ["body"] * len(lines)
        self.opens = [False] * len(lines)
        self.state = _State.START
        self.opened = 0  # the line that opened the current article
        self.has_bylines = any(line.look in (Look.BYLINE, Look.DATELINE) for line in lines)

    def read(self) -> None:
        methods = {
            Look.BODY: self._body,
            Look.TITLE: self._titles,
            Look.QUERY: self._titles,
            Look.BYLINE: self._bylines,
            Look.CREDIT: self._bylines,
            Look.SIGNATURE: self._signature,
            Look.DATELINE: self._dateline,
            Look.CAPTION: self._caption,
            Look.MASTHEAD: self._masthead,
            Look.NOTICE: self._notice,
            Look.DATE: self._date,
            Look.JUMP: self._jump,
        }
        i = 0
        while i < len(self.lines):
            i = methods[self.lines[i].look](i)

    def _look(self, i: int) -> Look | None:
        return self.lines[i].look if 0 <= i < len(self.lines) else None

    def _end_of(self, i: int, looks: tuple[Look, ...]) -> int:
        while i < len(self.lines) and self.lines[i].look in looks:
            i += 1
        return i

    def _set(self, i: int, j: int, role: Role, state: _State, opens: bool = False) -> int:
        """Give lines `i` to `j` a role, go into a state, and return `j`."""
        self.roles[i:j] = [role] * (j - i)
        if opens:
            self._open(i)
        self.state = state
        if self.lines[j - 1].jumps_on:  # the rest is on another page
            self.state = _State.START
        return j

    def _open(self, i: int) -> None:
        self.opens[i] = True
        self.opened = i

    def _sentence_open(self, i: int) -> bool:
        """Whether line `i` may go on with a sentence that a column break cut."""
        return self.state is _State.BODY and not self.lines[i - 1].ended and self.lines[i - 1].text[-1] not in ":："

    # ---- running text ------------------------------------------------------------------------------------------

    def _body(self, i: int) -> int:
        resumed = self.lines[i].jumps_back and self.state is not _State.HEAD
        opens = resumed or self.state in (_State.START, _State.CAPTION)
        return self._set(i, i + 1, "body", _State.BODY, opens)

    def _dateline(self, i: int) -> int:
        opens = self.state not in (_State.HEAD, _State.BYLINE)
        return self._set(i, i + 1, "body", _State.BODY, opens)

    def _jump(self, i: int) -> int:
        back = self.lines[i].jumps_back
        opens = self.state is _State.START or (back and self.state is not _State.HEAD)
        return self._set(i, i + 1, "jump", _State.BYLINE if back else _State.START, opens)

    # ---- headlines ---------------------------------------------------------------------------------------------

    def _titles(self, i: int) -> int:
        j = self._end_of_titles(i)
        if self.lines[j - 1].jumps_on and self.state is _State.BODY:
            return self._set(i, j, "body", _State.BODY)  # the last words on this page of an article that goes on
        following = self._look(j)
        if following is Look.DATE and self._signs(i, j):
            return self._set(i, j, "byline", _State.BYLINE)
        if following in (Look.BYLINE, Look.DATELINE) or (following is Look.SIGNATURE and self._heads_text(j + 1)):
            return self._head(i, j)
        if following in (Look.CREDIT, Look.NOTICE, Look.CAPTION, Look.JUMP):
            return self._short_before_furniture(i, j)
        if self.state is _State.BYLINE and j - i == 1 and following is Look.BODY:
            return self._set(i, j, "kicker", _State.BYLINE)  # the name of a column, printed below the byline
        return self._unannounced(i, j)

    def _end_of_titles(self, i: int) -> int:
        """Return where short lines end that can be one head: behind one that points to another page it is over."""
        while i < len(self.lines) and self.lines[i].look in _HEADLINE_LIKE:
            i += 1
            if self.lines[i - 1].jumps_on:
                break
        return i

    def _heads_text(self, i: int) -> bool:
        return self._look(i) in (Look.BODY, Look.DATELINE)

    def _head(self, i: int, j: int) -> int:
        self._open(i)
        self.roles[i:j] = head_roles(self.lines[i:j])
        self.state = _State.START if self.lines[j - 1].jumps_on else _State.HEAD
        return j

    def _short_before_furniture(self, i: int, j: int) -> int:
        if self._look(j) is Look.NOTICE:
            start = max(i, j - _NOTICE_HEAD)
            return self._notice(i) if start == i else self._unannounced(i, start)
        if self._sentence_open(i):
            return self._set(i, j, "body", _State.BODY)
        return self._head(i, j)

    def _unannounced(self, i: int, j: int) -> int:
        """Short lines with no byline or dateline below: the head of an article, a sub-heading or a piece of text."""
        if self._sentence_open(i):
            j = next((k + 1 for k in range(i, j) if self.lines[k].ended), j)
            return self._set(i, j, "body", _State.BODY)
        if self.state is not _State.BODY or p.COLUMN.match(self.lines[i].text):
            return self._head(i, j)
        if j == len(self.lines):
            return self._trailing(i, j)
        if self._score(i, j) > self.threshold:
            return self._head(i, j)
        return self._set(i, j, "body", _State.BODY)

    def _score(self, i: int, j: int) -> float:
        end = self.lines[i - 1].end
        return opening_score(
            "\n".join(line.text for line in self.lines[i:j]),
            self.text[self.lines[j].start : self.lines[j].start + _AFTER],
            self.text[max(self.lines[self.opened].start, end - _BEFORE) : end],
            n_lines=j - i,
            signed_page=self.has_bylines,
            headless=self.roles[self.opened] == "byline" or self.lines[self.opened].look is Look.DATELINE,
        )

    def _trailing(self, i: int, j: int) -> int:
        """Short lines at the end of the page: who signs a notice, or a headline whose text is elsewhere."""
        if p.NOTICE_TITLE.search(self.lines[self.opened].text) and j - i <= _SIGNED_BY:
            return self._set(i, j, "byline", _State.START)
        return self._head(i, j)

    # ---- those who sign ----------------------------------------------------------------------------------------

    def _signs(self, i: int, j: int) -> bool:
        """Whether short lines before a date are a signature and not a headline with its date."""
        return self.state is _State.BODY and j - i <= _SIGNED_BY and self._look(j + 1) is not Look.BODY

    def _date(self, i: int) -> int:
        if self.state is _State.HEAD or (self.state is _State.BYLINE and self._look(i + 1) is Look.BODY):
            return self._set(i, i + 1, "byline", _State.BYLINE)  # the day of the report, above its text
        return self._set(i, i + 1, "byline", _State.START, opens=self.state is _State.START)

    def _signature(self, i: int) -> int:
        if self.state is _State.HEAD:
            return self._set(i, i + 1, "byline", _State.BYLINE)
        return self._set(i, i + 1, "byline", _State.START, opens=self.state is _State.START)

    def _bylines(self, i: int) -> int:
        j = self._end_of(i, _NAMING)
        credits = any(line.look is Look.CREDIT for line in self.lines[i:j])
        if self.state in (_State.HEAD, _State.BYLINE):
            return self._set(i, j, "byline", _State.BYLINE)
        if self.state is _State.CAPTION:
            return self._set(i, j, "byline", _State.START)
        if self.state is _State.BODY and credits and self._look(j) is not Look.DATELINE:
            self._captioned(i)
            return self._set(i, j, "byline", _State.START)
        if self.state is _State.BODY and not self._heads_text(j):
            return self._set(i, j, "byline", _State.START)
        return self._set(i, j, "byline", _State.BYLINE, opens=True)

    # ---- pictures ----------------------------------------------------------------------------------------------

    def _caption(self, i: int) -> int:
        if self.state is _State.HEAD or not self._sentence_open(i):
            return self._set(i, i + 1, "caption", _State.CAPTION, opens=self.state is not _State.HEAD)
        self._captioned(i + 1)
        self.state = _State.CAPTION
        return i + 1

    def _captioned(self, j: int) -> None:
        """Make the paragraph that ends before line `j`, and a headline right above it, an item of its own."""
        start = j - 1
        while start > self.opened and self.roles[start - 1] == "body" and not self.lines[start - 1].ended:
            start -= 1
        self.roles[start:j] = ["caption"] * (j - start)
        if not self._is_caption_head(start):
            self._open(start)

    def _is_caption_head(self, start: int) -> bool:
        above = self.roles[self.opened : start]
        return bool(p.COLUMN.match(self.lines[self.opened].text)) or not {"body", "byline"} & set(above)

    # ---- the paper about itself, and what it is paid for -------------------------------------------------------

    def _masthead(self, i: int) -> int:
        j = self._end_of(i, (Look.MASTHEAD,))
        # One line between two of them belongs to them too, whatever it looks like: the paper's motto, its publisher.
        while self._look(j) in (Look.TITLE, Look.DATE) and self._look(j + 1) is Look.MASTHEAD:
            j = self._end_of(j + 1, (Look.MASTHEAD,))
        return self._set(i, j, "masthead", _State.START, opens=True)

    def _notice(self, i: int) -> int:
        j = i
        while j < len(self.lines) and self.lines[j].look in (Look.NOTICE, *_HEADLINE_LIKE):
            if Look.NOTICE not in (self._look(j), self._look(j + 1), self._look(j + 2)):
                break
            j += 1
        return self._set(i, j, "notice", _State.START, opens=True)
