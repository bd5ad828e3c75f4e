"""Han script: what a Han character is, whether a text is Traditional, and its conversion with exact blocks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from tagger.errors import ConfigurationError
from tagger.text.alignment import Edit

__all__ = ["CONFIGS", "HAN", "code_points", "is_traditional", "to_simplified"]

# Inside of a regular-expression class: radicals (which PDF files use for characters), Extension A, unified,
# compatibility, and the planes of extensions B to J.
HAN = "\u2f00-\u2fd5\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

CONFIGS = ("t2s", "tw2s", "tw2sp", "hk2s", "hk2sp")

_HAN_RUN = re.compile(f"([{HAN}]+)")
_TRADITIONAL, _SIMPLIFIED, _OTHER_HAN = 1, 2, 3
_CORNER_QUOTES = str.maketrans("「」『』﹁﹂﹃﹄", "“”‘’“”‘’")

# How far the two sides of one replaced phrase are searched for, and how many characters must agree behind it.
_MAX_PHRASE = 12
_ANCHOR = 2
# Blocks up to this length are cut into their phrases: the work grows with the square of it.
_MAX_BLOCK = 64


def code_points(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """Return the code point of every character: uint32 of shape (n_chars,), read-only; lone surrogates are kept."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def is_traditional(text: str, *, min_share: float) -> bool:
    """Tell whether a text is written in Traditional characters, by what stands in it.

    Characters that only Traditional text uses must make up `min_share` of all Han characters and outnumber those
    that only Simplified text uses, so that a Traditional name in a Simplified text decides nothing.

    Examples
    --------
    >>> is_traditional("硯川縣召開會議", min_share=0.03), is_traditional("砚川县召开会议", min_share=0.03)
    (True, False)
    """
    points = code_points(text)
    kinds = _script_table()[points[points < 0x10000]]
    _, traditional, simplified, other = np.bincount(kinds, minlength=4)
    n_han = traditional + simplified + other + np.count_nonzero(points >= 0x20000)
    return bool(traditional > simplified and traditional >= min_share * n_han)


@cache
def _script_table() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return the kind of each code point of the first plane: uint8 of shape (65536,).

    The national standards are the evidence: a character in daily use in Taiwan (level 1 of Big5) that GB2312 lacks
    is Traditional, one in daily use on the mainland (level 1 of GB2312) that Big5 lacks is Simplified. Of the 2,076
    characters so found OpenCC leaves 179 as they are, rare ones all; of the 1,204, none but six.
    """
    table = np.zeros(0x10000, dtype=np.uint8)
    for first, last in ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)):
        table[first : last + 1] = _OTHER_HAN
    for kind, level, other, leads in (
        (_TRADITIONAL, "big5", "gb2312", range(0xA4, 0xC7)),
        (_SIMPLIFIED, "gb2312", "big5", range(0xB0, 0xD8)),
    ):
        grid = bytes(byte for lead in leads for trail in range(0x40, 0xFF) for byte in (lead, trail))
        chars = set(grid.decode(level, "ignore"))
        shared = set("".join(chars).encode(other, "ignore").decode(other))
        points = np.array([ord(c) for c in chars - shared if _HAN_RUN.match(c)])
        table[points] = kind
    return table


def to_simplified(text: str, *, config: str) -> tuple[str, list[Edit]]:
    """Convert to Simplified; corner quotes become curly ones.

    Parameters
    ----------
    text : str
        Traditional text. Only runs of Han characters are converted, each on its own, so that no phrase reaches
        over punctuation and nothing else can change.
    config : str
        One of ``CONFIGS``, the conversions that OpenCC comes with; those ending in ``p`` also change words.

    Returns
    -------
    clean : str
        Converted text.
    edits : list of Edit
        Only where a phrase changed its length; all other characters stand one for one.

    Examples
    --------
    >>> to_simplified("用記憶體吧", config="tw2sp")
    ('用内存吧', [Edit(start=1, end=4, replacement='内存')])
    """
    pieces = _HAN_RUN.split(text.translate(_CORNER_QUOTES))
    runs = pieces[1::2]
    converted = _convert_each(runs, config)
    if len("".join(converted)) == len("".join(runs)) and not config.endswith("p"):
        return _interleave(pieces, converted), []
    return _interleave(pieces, converted), _changed_lengths(pieces, converted, config)


def _interleave(pieces: list[str], converted: list[str]) -> str:
    merged = list(pieces)
    merged[1::2] = converted
    return "".join(merged)


def _convert_each(runs: list[str], config: str) -> list[str]:
    # No phrase of the dictionaries holds a line feed, so one call converts each run on its own.
    return _converter(config)("\n".join(runs)).split("\n") if runs else []


@cache
def _converter(config: str) -> Callable[[str], str]:
    if config not in CONFIGS:
        raise ConfigurationError(f"no conversion {config!r} to Simplified; choose one of {', '.join(CONFIGS)}")
    import opencc

    converter: Any = opencc.OpenCC(config)
    convert: Callable[[str], str] = converter.convert
    return convert


def _changed_lengths(pieces: list[str], converted: list[str], config: str) -> list[Edit]:
    chars = sorted(set("".join(pieces[1::2])))
    table = {ord(c): s for c, s in zip(chars, _convert_each(chars, config), strict=True) if len(s) == 1}
    split = cache(partial(_independent_parts, config=config))  # a document repeats its phrases
    edits: list[Edit] = []
    offset = 0
    for i, piece in enumerate(pieces):
        if i % 2:
            clean = converted[i // 2]
            for a, b, c, d in _differing_blocks(piece.translate(table), clean):
                if b - a != d - c:
                    parts = split(piece[a:b], clean[c:d])
                    edits += (Edit(offset + a + p, offset + a + q, phrase) for p, q, phrase in parts)
        offset += len(piece)
    return edits


def _independent_parts(raw: str, clean: str, *, config: str) -> list[tuple[int, int, str]]:
    """Cut a block into the smallest parts that convert on their own; return those whose length changes.

    Each is ``raw[p:q]`` and what became of it. A block that is longer than any few phrases stays whole.
    """
    cuts = [(0, 0)]
    if len(raw) <= _MAX_BLOCK:
        ways = [(raw[:k], raw[k:]) for k in range(1, len(raw))]
        halves = _convert_each([half for way in ways for half in way], config)
        for k, (head, tail) in enumerate(zip(halves[::2], halves[1::2], strict=True), start=1):
            if head + tail == clean and len(head) >= cuts[-1][1]:
                cuts.append((k, len(head)))
    cuts.append((len(raw), len(clean)))
    return [(p, q, clean[c:d]) for (p, c), (q, d) in pairwise(cuts) if q - p != d - c]


def _differing_blocks(left: str, right: str) -> list[tuple[int, int, int, int]]:
    """Return where two strings differ: ``left[a:b]`` became ``right[c:d]``; linear in their length.

    At each first difference the smallest pair of sizes is taken behind which the strings agree again, for
    ``_ANCHOR`` characters or to the end of both. No side of a block is empty: words are replaced, never inserted.
    """
    blocks: list[tuple[int, int, int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            i, j = i + 1, j + 1
            continue
        a, b = _resume(left, right, i, j)
        blocks.append((i, a, j, b))
        i, j = a, b
    if i < len(left) or j < len(right):  # one side ended first: what remains belongs to what stands before it
        start, clean_start = blocks.pop()[::2] if blocks and blocks[-1][1] == i else (i - 1, j - 1)
        blocks.append((start, len(left), clean_start, len(right)))
    return blocks


def _resume(left: str, right: str, i: int, j: int) -> tuple[int, int]:
    for total in range(2, 2 * _MAX_PHRASE + 1):
        # Sizes that are nearly equal come first: most phrases keep their length.
        for a in sorted(range(1, total), key=lambda a: abs(2 * a - total)):
            b = total - a
            if i + a > len(left) or j + b > len(right):
                continue
            if left[i + a : i + a + _ANCHOR] == right[j + b : j + b + _ANCHOR]:
                return i + a, j + b
    return len(left), len(right)
