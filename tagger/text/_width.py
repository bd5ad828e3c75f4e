"""One form for every letter, digit and mark: full-width punctuation in Chinese context, half-width elsewhere."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

from tagger.text._script import HAN, code_points

__all__ = ["canonical_width"]

# Marks whose width depends on what stands around them. Each exists in both forms; `"` has two full ones.
_MARKS = ",;:?!()"
_HALF_OF = {ord(mark) + 0xFEE0: ord(mark) for mark in _MARKS}

_VARIANTS = {
    "\u3000": " ",
    "\u2027": "·", "\u2022": "·", "\u30fb": "·", "\uff65": "·", "\u2219": "·", "\u22c5": "·",
    "\u2015": "—", "\u2500": "—",
    "\u301c": "~", "\u223c": "~",
    "\u22ef": "…",
    "\uff61": "。", "\uff64": "、", "\uff62": "「", "\uff63": "」",
    "\uffe5": "¥", "\uffe0": "¢", "\uffe1": "£",
}  # fmt: skip

_NEUTRAL, _CHINESE, _WESTERN, _MARK, _BREAK = range(5)

_CHINESE_RANGES = (
    *((0x2014, 0x2014), (0x2026, 0x2026)),  # dash and ellipsis
    *(
        (0x3001, 0x300B),
        (0x3010, 0x301F),
        (0x3040, 0x30FA),
        (0x30FC, 0x318F),
    ),  # punctuation, kana, bopomofo, jamo; no quotes
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF)),
)
_WESTERN_RANGES = ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x370, 0x52F))

_FULL_STOP = re.compile(rf"(?<=[{HAN}])\.(?=[\n)）\"”’」』]|\Z)")
_FULL_STOP_INSIDE = re.compile(rf"(?<=[{HAN}])\.(?=[{HAN}])")
_LIST_NUMBER = re.compile(r"(?:^|\n) *[一二三四五六七八九十]+\Z")

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
Indices = npt.NDArray[np.intp]


def canonical_width(text: str) -> str:
    r"""Return the text in canonical form, character for character.

    Letters, digits and other ASCII become half-width; radicals and compatibility ideographs the characters that
    they look like; variants of dots, dashes and swung dashes one of each. The marks ``, ; : ? ! ( )`` are
    full-width if the nearest letter or character on either side in the line is Chinese, brackets in pairs; straight
    quotes in such places become curly ones if the line has an even number of them. A full stop ``.`` behind a Han
    character becomes ``。`` at the end of a line, and inside one only in a text that has no ``。`` at all (it may
    part a foreign name). Numbers and URLs hold letters and digits only around their marks, which stay half-width.

    Examples
    --------
    >>> canonical_width("砚川市(２０２４年)在10:30说:\"GDP(growth)好.\"")
    '砚川市（2024年）在10:30说：“GDP（growth）好。”'
    """
    points = code_points(text)
    low = np.minimum(points, 0xFFFF)  # planes above the first map to themselves; see `kinds` for their class
    mapped = np.where(points < 0x10000, _forms()[low], points)
    kinds = np.where(points < 0x10000, _kinds()[np.minimum(mapped, 0xFFFF)], _astral_kinds(points))
    marks = np.flatnonzero(kinds == _MARK)
    strong = np.flatnonzero((kinds == _CHINESE) | (kinds == _WESTERN) | (kinds == _BREAK))
    if len(marks) and (kinds[strong] != _BREAK).any():
        _set_marks(mapped, kinds, marks, strong)
    else:
        mapped[marks] = points[marks]  # no letter in the whole text: no evidence of either width
    clean = mapped.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return _full_stops(clean) if "." in clean else clean


@cache
def _forms() -> U32:
    """Return the canonical form of each code point of the first plane: uint32 of shape (65536,)."""
    forms = np.arange(0x10000, dtype=np.uint32)
    forms[0xFF01:0xFF5F] = np.arange(0x21, 0x7F)
    for half_full, half in _HALF_OF.items():
        forms[half_full] = half
    for first, last in ((0x2F00, 0x2FD6), (0xF900, 0xFADA), (0xFE10, 0xFE1A), (0xFE30, 0xFE6C)):
        for point in range(first, last):
            form = unicodedata.normalize("NFKC", chr(point))
            if len(form) == 1 and ord(form) < 0x10000:
                forms[point] = ord(form)
    for variant, form in _VARIANTS.items():
        forms[ord(variant)] = ord(form)
    return forms


@cache
def _kinds() -> U8:
    """Return the class of each canonical code point of the first plane: uint8 of shape (65536,)."""
    kinds = np.zeros(0x10000, dtype=np.uint8)
    for kind, ranges in ((_CHINESE, _CHINESE_RANGES), (_WESTERN, _WESTERN_RANGES)):
        for first, last in ranges:
            kinds[first : last + 1] = kind
    kinds[[ord(mark) for mark in _MARKS + '"']] = _MARK
    kinds[0x0A] = _BREAK
    return kinds


def _astral_kinds(points: U32) -> U8:
    return ((points >= 0x20000) & (points < 0x40000)).astype(np.uint8) * np.uint8(_CHINESE)


def _set_marks(mapped: U32, kinds: U8, marks: Indices, strong: Indices) -> None:
    """Write the form of each mark into `mapped`."""
    chinese = _in_chinese_context(kinds, marks, strong)  # (n_marks,)
    signs = mapped[marks]
    breaks = np.flatnonzero(kinds == _BREAK)
    lines = np.searchsorted(breaks, marks)  # (n_marks,) the line of each mark
    _agree_in_pairs(signs, lines, chinese)
    single = signs != ord('"')
    change = chinese & single
    mapped[marks[change]] = signs[change] + 0xFEE0
    if not single.all():
        _curl_quotes(mapped, marks[~single], lines[~single], chinese[~single])


def _in_chinese_context(kinds: U8, marks: Indices, strong: Indices) -> npt.NDArray[np.bool_]:
    """Tell for each mark whether a nearest letter is Chinese; past the end of a line, whether the line has any."""
    around = np.concatenate(([_BREAK], kinds[strong], [_BREAK]))
    slot = np.searchsorted(strong, marks)
    left, right = around[slot], around[slot + 1]
    line_of = np.cumsum(kinds == _BREAK)
    has_chinese = np.zeros(int(line_of[-1]) + 1, dtype=bool)
    has_chinese[line_of[kinds == _CHINESE]] = True
    at_edge = ((left == _BREAK) | (right == _BREAK)) & has_chinese[line_of[marks]]
    without_letters = (left == _BREAK) & (right == _BREAK) & has_chinese.any()
    context: npt.NDArray[np.bool_] = (left == _CHINESE) | (right == _CHINESE) | at_edge | without_letters
    return context


def _agree_in_pairs(signs: U32, lines: Indices, chinese: npt.NDArray[np.bool_]) -> None:
    """Make both brackets of a pair Chinese if one is; pairs do not reach over lines."""
    opened: list[int] = []
    line = -1
    for i in np.flatnonzero((signs == ord("(")) | (signs == ord(")"))).tolist():
        if lines[i] != line:
            line, opened = lines[i], []
        if signs[i] == ord("("):
            opened.append(i)
        elif opened:
            pair = [opened.pop(), i]
            chinese[pair] = chinese[pair].any()


def _curl_quotes(mapped: U32, quotes: Indices, lines: Indices, chinese: npt.NDArray[np.bool_]) -> None:
    """Turn pairs of straight quotes into curly ones where a line has an even number of them."""
    even = np.bincount(lines)[lines] % 2 == 0
    for i in np.flatnonzero(even)[::2].tolist():
        inches = quotes[i] > 0 and 0x30 <= mapped[quotes[i] - 1] <= 0x39
        if chinese[i : i + 2].any() and not inches:
            mapped[quotes[i]], mapped[quotes[i + 1]] = 0x201C, 0x201D


def _full_stops(text: str) -> str:
    def stop(match: re.Match[str]) -> str:
        return "." if _LIST_NUMBER.search(text, max(0, match.start() - 12), match.start()) else "。"

    inside = "。" not in text
    text = _FULL_STOP.sub(stop, text)
    return _FULL_STOP_INSIDE.sub(stop, text) if inside else text
