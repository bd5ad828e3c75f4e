"""Brackets and quotation marks: which pair each character stands in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

from tagger._typing import I64Array, U64Array

__all__ = ["enclosing"]

# Pairs that enclose; those of one number may close each other, since OCR mixes their widths.
_BRACKETS = ("《》〈〉", '“”「」『』""', "（）()", "【】〔〕[]", "‘’")
_WIDEST = 60  # characters that a pair may enclose: a longer stretch has lost one of its marks
_ALIKE = 100  # added to the number of a mark that opens and closes alike


def enclosing(codes: U64Array, offsets: I64Array) -> U64Array:
    """Kind of the innermost bracket or quotation mark around each character, 0 for none: shape as `codes`.

    A pair counts where both of its marks stand in one paragraph with at most 60 characters between them; the mark that
    closes takes the nearest that it can close, and what was opened in between is forgotten.

    Parameters
    ----------
    codes : ndarray of uint64, shape (n_chars,)
    offsets : ndarray of int64, shape (n_texts + 1,)
        Where each text begins, and the last one ends; no pair reaches from one into the next.

    Examples
    --------
    >>> codes = np.array([ord(char) for char in "印发《意见》"], np.uint64)
    >>> enclosing(codes, np.array([0, 6])).tolist()
    [0, 0, 0, 1, 1, 0]
    """
    found: U64Array = _enclosing(codes, offsets, _bracket_table(), _WIDEST)
    return found


@lru_cache(maxsize=1)
def _bracket_table() -> I64Array:
    """Return the number of the pair of each code point below 0x10000.

    Negative for a mark that closes; plus `_ALIKE` for one that opens and closes alike; 0 for no bracket.
    """
    table = np.zeros(0x10000, np.int64)
    for number, marks in enumerate(_BRACKETS, 1):
        for opening, closing in zip(marks[::2], marks[1::2], strict=True):
            alike = opening == closing
            table[ord(opening)] = number + _ALIKE if alike else number
            table[ord(closing)] = number + _ALIKE if alike else -number
    return table


@njit(cache=True)
def _enclosing(
    codes: U64Array, offsets: I64Array, table: I64Array, widest: int
) -> U64Array:  # pragma: no cover - compiled
    found = np.zeros(len(codes), np.uint64)
    opened = np.empty(len(codes), np.int64)  # positions of the marks that are open, the latest last
    for text in range(len(offsets) - 1):
        depth = 0
        for i in range(offsets[text], offsets[text + 1]):
            if codes[i] == np.uint64(10):  # line end: a paragraph is over
                depth = 0
            kind = table[np.int64(codes[i])] if codes[i] < np.uint64(len(table)) else 0
            if kind == 0:
                continue
            start = -1
            if kind < 0 or kind > _ALIKE:
                wanted = -kind if kind < 0 else kind
                k = depth - 1
                # Looking no further back than a pair may reach keeps a page of unclosed marks linear
                while k >= 0 and i - opened[k] <= widest + 1:
                    if table[np.int64(codes[opened[k]])] == wanted:
                        start, depth = opened[k], k
                        break
                    k -= 1
            if start >= 0:
                for inner in range(start + 1, i):
                    if found[inner] == 0:
                        found[inner] = abs(kind) % _ALIKE
            elif kind > 0:
                opened[depth] = i
                depth += 1
    return found
