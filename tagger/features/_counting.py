"""Compiled counting: from the characters and words of one text to its feature keys."""

from __future__ import annotations

import numpy as np
from numba import njit

from tagger._typing import F32Array, I32Array, U8Array, U64Array
from tagger.features._keys import fold, key_of, lookup

__all__ = ["column_counts", "gram_keys"]


@njit(cache=True)
def gram_keys(
    codes: U64Array, kept: U8Array, boundaries: I32Array, shortest: int, longest: int, use_words: bool
) -> tuple[U64Array, I32Array, I32Array]:  # pragma: no cover - compiled
    """Key, start and length of every word and character n-gram of a text.

    Parameters
    ----------
    codes : ndarray of uint64, shape (n_chars,)
    kept : ndarray of uint8, shape (n_chars,)
        Nonzero for characters that n-grams may hold; an n-gram or word with any other is left out.
    boundaries : ndarray of int32, shape (n_words + 1,)
    shortest, longest : int
        Lengths of character n-grams; none where `longest` is below `shortest`.

    Returns
    -------
    keys : ndarray of uint64, shape (n_grams,)
    starts, lengths : ndarray of int32, shape (n_grams,)
    """
    n_chars = len(codes)
    most = len(boundaries) - 1 + n_chars * max(0, longest - shortest + 1)
    keys = np.empty(most, np.uint64)
    starts = np.empty(most, np.int32)
    lengths = np.empty(most, np.int32)
    count = 0
    if use_words:
        for w in range(len(boundaries) - 1):
            start, end = boundaries[w], boundaries[w + 1]
            whole = True
            for i in range(start, end):
                whole = whole and kept[i] != 0
            if whole:
                keys[count] = key_of(codes[start:end], 0)
                starts[count] = start
                lengths[count] = end - start
                count += 1
    for i in range(n_chars):
        key = np.uint64(1)
        for n in range(1, min(longest, n_chars - i) + 1):
            if kept[i + n - 1] == 0:
                break
            key = fold(key, codes[i + n - 1])
            if n >= shortest:
                keys[count] = key
                starts[count] = i
                lengths[count] = n
                count += 1
    return keys[:count], starts[:count], lengths[:count]


@njit(cache=True)
def column_counts(
    keys: U64Array, vocabulary: U64Array, starts: I32Array, bits: int
) -> tuple[I32Array, F32Array]:  # pragma: no cover - compiled
    """Count the known keys of one text.

    Returns
    -------
    columns : ndarray of int32, shape (n_found,)
        In order of first occurrence.
    counts : ndarray of float32, shape (n_found,)
    """
    columns = np.empty(len(keys), np.int32)
    counts = np.empty(len(keys), np.float32)
    n_found = 0
    size = 16
    while size < 2 * len(keys):
        size *= 2
    # Open addressing in a table as large as the text, not as the vocabulary: where each column stands in `columns`.
    places = np.full(size, -1, np.int32)
    shift = np.uint64(64 - bits)
    for key in keys:
        column = lookup(key, vocabulary, starts, shift)
        if column < 0:
            continue
        at = np.int64(key) & (size - 1)
        while places[at] >= 0 and columns[places[at]] != column:
            at = (at + 1) & (size - 1)
        if places[at] < 0:
            places[at] = n_found
            columns[n_found] = column
            counts[n_found] = 0
            n_found += 1
        counts[places[at]] += 1
    return columns[:n_found], counts[:n_found]
