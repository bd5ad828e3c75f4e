"""How two pieces of printed text go together: a new paragraph, or one sentence that a line or column break cut."""

from __future__ import annotations

import enum
import itertools
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from tagger.text._script import HAN
from tagger.text.alignment import Edit

__all__ = ["Seam", "glue", "line_edits", "line_width", "seam"]


class Seam(enum.Enum):
    """What the break between two pieces is."""

    PARAGRAPH = "paragraph"
    JOIN = "join"
    JOIN_DROP_DOUBLE = "join, and drop the first character of the right piece, which was printed twice"


_SPACE = " \t\u3000"
_TERMINAL = "。！？!?…；;：:"
_CLAUSE = "，,、·～~-–/%"
_CLOSERS = "”’」』》〉）)】〕\"'"
_PAIRS = {"（": "）", "(": ")", "《": "》", "“": "”", "〔": "〕", "【": "】", "「": "」"}
_OPENERS = "".join(_PAIRS)

# What begins something new wherever it stands: marks of bylines and lists, datelines, jump lines, indentation.
_START = re.compile(
    r"[■◆●▲★□◇○▼▶►※]|[•·]\s|[☆◎△]|——|(?:\u3000| {2}|\t)"
    r"|本报(?:讯|记者|通讯员|评论员)|(?:新华社|中新社|据)\S{0,12}[电讯][\s（(]|(?:通讯员|见习记者|本刊记者)[\s：:]"
    r"|图为|图片新闻|[（(](?:上接|下转|记者|通讯员|责任编辑)"
    r"|[（(]?[一二三四五六七八九十]{1,3}[）)、.．]|[（(]\d{1,2}[）)]|\d{1,2}[、.．](?!\d)|第[一二三四五六七八九十百]+[章节条]"
)
# A bracket that ends an article or says where it goes on.
_END_NOTE = re.compile(r"[（(](?:上接|下转|记者|通讯员|本报|作者|完|责任编辑|图/|文/|摄)[^（()）]*[)）]\Z|[摄完]\Z")
# The colon is not among them: labels in mastheads and headlines have it.
_PUNCTUATION = re.compile(r"[，,。；;、！!？?]")
_HAN_CHAR = re.compile(f"[{HAN}]")
_ENGLISH_END = re.compile(r"[A-Za-z][,;.]?\Z")

# A headline or a line of a list may have this many characters; without punctuation it is not taken for body text.
_SHORT = 40

# Characters that double within a word, so that the second need not be a misprint; verbs do so, but not before 的.
_DOUBLING = frozenset(
    "天人常往渐家户纷刚仅默年月日时处事个代样种条步层环字句声略微慢快轻悄静细深远高大多久早好满红绿白黑蓝金亮闪"
    "蒸腾洋滚滔源绵茫苍郁葱星匆频偏明恰通统每妈爸爷奶哥姐弟妹叔婶舅宝紧牢狠足实真清楚整齐勤恳踏兢业孜津娓侃井历"
    "熊勃欣堂赫沉暖热冷凉圆弯尖团片段滴丝缕阵次遍甜香空光"
)
_DOUBLING_VERBS = frozenset("想看听说走试谈问笑聊写读尝练学数找等摸拍查跑转晃飘摇闹谢")
# One-character words, and the beginnings of 目的 and 有的: what follows a line end in 项目 may well be 目的.
_LONE_WORDS = frozenset(
    "目有新老旧大小多少高低好坏长短深浅强弱快慢早晚远近真假难易美丑红绿白黑他她它我你谁这那是在做要去来到说"
)
# Almost every particle also ends words (加以, 方向, 实地, 通过), so that only these prove that no word goes on.
_NO_WORD_GOES_ON = "的，,。、；;：:！!？?”’）)》"


def seam(
    left: str,
    right: str,
    *,
    is_body: bool = False,
    width: int | None = None,
    is_word: Callable[[str], bool] | None = None,
) -> Seam:
    """Decide how the end of one piece of text and the beginning of the next go together.

    Parameters
    ----------
    left, right : str
        The pieces without the line ends between them; the last line of `left` and the first of `right` are read.
        Leading space of `right` counts: two spaces or an ideographic one are a new paragraph's indentation.
    is_body : bool, default=False
        Whether both pieces are known to be running text. Then a short `left` without punctuation goes on as well;
        otherwise it may be a headline and does not.
    width : int, optional
        Characters of a full line where the text is known to be wrapped at a fixed width: a line that long goes on
        even if it has no punctuation (``line_width`` finds it).
    is_word : callable, optional
        Whether a string is a word of the language. With it a doubled character is dropped if it begins no word on
        the right; without it, only in front of particles and punctuation.

    Returns
    -------
    seam : Seam
        ``PARAGRAPH`` in case of doubt about the break, ``JOIN`` in case of doubt about the doubled character.

    Examples
    --------
    >>> seam("会议指出，要加快建设砚川市民广", "广的二期工程，方便群众。").name
    'JOIN_DROP_DOUBLE'
    >>> seam("会议指出，要加快建设。", "会议要求，抓好落实。").name, seam("为让群众天", "天都有，班车").name
    ('PARAGRAPH', 'PARAGRAPH')
    """
    left, first = left.rstrip(_SPACE + "\n").rpartition("\n")[2], right.partition("\n")[0]
    if not left.strip() or not first.strip() or _START.match(first):
        return Seam.PARAGRAPH
    if not _goes_on(left, first.strip(), is_body, width):
        return Seam.PARAGRAPH
    return Seam.JOIN_DROP_DOUBLE if _is_double(left, first, is_word) else Seam.JOIN


def glue(left: str, right: str) -> str:
    """Return what stands between two joined pieces: a space between English words, else nothing.

    Examples
    --------
    >>> glue("通过 Green", "Bond 模式"), glue("砚川", "市")
    (' ', '')
    """
    return " " if right[:1].isascii() and right[:1].isalpha() and _ENGLISH_END.search(left) else ""


def _goes_on(left: str, right: str, is_body: bool, width: int | None) -> bool:
    last = left[-1]
    if last == "—":  # a kicker above a headline ends so, and running text hardly ever does
        return is_body or len(left) > _SHORT
    if last in _OPENERS or last in _CLAUSE or _is_bracket_open(left):
        return True
    if last in _TERMINAL or _END_NOTE.search(left):
        return False
    # Behind a closing mark what counts is what it closes: 。” ends a sentence, 》 after a title does not.
    if left.rstrip(_CLOSERS)[-1:] in tuple(_TERMINAL):
        return False
    if width is not None and len(left) >= width - 1:
        return True
    if is_body:
        return True
    if not _PUNCTUATION.search(left) and len(left) <= _SHORT:
        return False
    return bool(_PUNCTUATION.search(right)) or len(right) > _SHORT


def _is_bracket_open(left: str) -> bool:
    """Whether a bracket, title or quote is open at the end, and no sentence has ended inside it."""
    for i in range(len(left) - 1, max(-1, len(left) - 1 - _SHORT), -1):
        if left[i] in _TERMINAL or left[i] in _CLOSERS:
            return False
        if left[i] in _OPENERS:
            return True
    return False


def _is_double(left: str, right: str, is_word: Callable[[str], bool] | None) -> bool:
    char, behind = left[-1], right[1:2]
    if right[0] != char or not _HAN_CHAR.match(char):
        return False
    if char in _LONE_WORDS or char in _DOUBLING or (char in _DOUBLING_VERBS and behind != "的"):
        return False
    if _is_in_aabb(left, right):
        return False
    if is_word is None:
        return behind != "" and behind in _NO_WORD_GOES_ON
    return not any(is_word(right[:n]) for n in (2, 3, 4)) and any(is_word(left[-n:]) for n in (2, 3, 4))


def _is_in_aabb(left: str, right: str) -> bool:
    """Whether the doubled character may be part of a word of the form AABB, or stands there three times."""
    around = f"{left[-3:]:>3}{right[:3]:<3}"  # the double is around[2:4]
    return around[1] == around[2] or around[3] == around[4] or around[0] == around[1] or around[4] == around[5]


class _Line(NamedTuple):
    start: int
    end: int


def line_edits(text: str) -> list[Edit]:
    """Return the edits that join the lines of one article where they were broken in mid-sentence."""
    lines = [_Line(m.start(), m.end()) for m in re.finditer(r"[^\n]+", text) if not m[0].isspace()]
    width = line_width(text)
    # Where blank lines mark the paragraphs, a full line goes on even if a sentence happens to end with it.
    blank_lines = re.search(r"[^\n]\n[^\n]", text) is not None and "\n\n" in text
    edits: list[Edit] = []
    for line, following in itertools.pairwise(lines):
        left, right = text[line.start : line.end], text[following.start : following.end]
        if line is lines[0] and width is None and _may_be_title(left):
            continue
        found = seam(left, right, width=width)
        if found is Seam.PARAGRAPH and blank_lines and width and _is_inside(text, line, following, width):
            found = Seam.JOIN
        if found is not Seam.PARAGRAPH:
            left, right = left.rstrip(_SPACE), right.lstrip(_SPACE)
            start = following.end - len(right) + (found is Seam.JOIN_DROP_DOUBLE)
            edits.append(Edit(line.start + len(left), start, glue(left, right)))
    return edits


def _may_be_title(line: str) -> bool:
    """Whether the first line of an article may be its headline: short, and no sentence ends in it."""
    return len(line) <= _SHORT and not any(mark in line for mark in "。；;")


def _is_inside(text: str, line: _Line, following: _Line, width: int) -> bool:
    """Whether a single line end follows a full line, and no new item begins behind it."""
    return (
        following.start - line.end == 1
        and line.end - line.start >= width
        and not _START.match(text, following.start, following.end)
    )


def line_width(text: str) -> int | None:
    r"""Return how many characters a full line has if the text was wrapped at a fixed width, else None.

    Most lines that are followed by another then have the greatest length or one less (a mark that may not begin a
    line hangs over or takes a character along), and there are at least four of them.

    Examples
    --------
    >>> line_width("砚川市政府发布\n今年的十件实事\n涉及教育医疗和\n交通等多个方面\n受到欢迎。")
    7
    """
    lengths = [len(line.strip()) for line in text.split("\n") if line.strip()]
    if len(lengths) < 5:
        return None
    counts = Counter(lengths)
    width = max(counts, key=lambda n: (counts[n] + counts[n - 1] + counts[n + 1], n))
    full = counts[width] + counts[width - 1] + counts[width + 1]
    return width if full >= 4 and full >= 0.6 * len(lengths) and width <= 120 else None
