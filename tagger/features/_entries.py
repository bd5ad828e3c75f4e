"""Compiled look-up of words, pairs of characters and gazetteer entries."""

from __future__ import annotations

import numpy as np
from numba import njit

from tagger._typing import I32Array, I64Array, U8Array, U64Array
from tagger.features._keys import WORD_SEED, fold, lookup

__all__ = ["LONGEST", "clusters_of", "kinds_of", "matches", "pair_keys", "prefix_keys"]

LONGEST = 8
"""Lengths of gazetteer entries are told apart up to this many characters."""

PREFIX_SEED = 0x67617A65  # "gaze": keys of the beginnings of gazetteer entries


@njit(cache=True)
def pair_keys(codes: U64Array) -> U64Array:  # pragma: no cover - compiled
    """Key of each two characters in a row, as of a word of two characters: shape ``(n_chars - 1,)``."""
    keys = np.empty(max(0, len(codes) - 1), np.uint64)
    opening = fold(np.uint64(WORD_SEED), np.uint64(2))
    for i in range(len(keys)):
        keys[i] = fold(fold(opening, codes[i]), codes[i + 1])
    return keys


@njit(cache=True)
def clusters_of(
    wanted: U64Array, keys: U64Array, starts: I32Array, bits: int, clusters: np.ndarray
) -> U64Array:  # pragma: no cover - compiled
    """Return the clusters of each key in every grain, 0 where unknown: shape ``(n_grains, n_keys)``."""
    found = np.zeros((clusters.shape[0], len(wanted)), np.uint64)
    shift = np.uint64(64 - bits)
    for i in range(len(wanted)):
        row = lookup(wanted[i], keys, starts, shift)
        if row >= 0:
            for grain in range(clusters.shape[0]):
                found[grain, i] = clusters[grain, row]
    return found


@njit(cache=True)
def prefix_keys(codes: U64Array, offsets: I64Array) -> U64Array:  # pragma: no cover - compiled
    """Key of every beginning of every string, the string itself last."""
    keys = np.empty(len(codes), np.uint64)
    for s in range(len(offsets) - 1):
        key = np.uint64(PREFIX_SEED)
        for i in range(offsets[s], offsets[s + 1]):
            key = fold(key, codes[i])
            keys[i] = key
    return keys


@njit(cache=True)
def matches(
    codes: U64Array, offsets: I64Array, keys: U64Array, starts: I32Array, bits: int, kinds: U8Array
) -> U64Array:  # pragma: no cover - compiled
    """Find the longest entry that begins at, ends at and goes on at both sides of each character."""
    found = np.zeros((3, len(codes)), np.uint64)
    shift = np.uint64(64 - bits)
    text = 0
    for i in range(len(codes)):
        while i >= offsets[text + 1]:
            text += 1
        key = np.uint64(PREFIX_SEED)
        for j in range(i, offsets[text + 1]):
            key = fold(key, codes[j])
            row = lookup(key, keys, starts, shift)
            if row < 0:
                break
            if kinds[row] == 0:
                continue
            value = np.uint64(min(j - i + 1, LONGEST) * 256 + kinds[row])
            found[0, i] = value
            if value >> np.uint64(8) > found[1, j] >> np.uint64(8):
                found[1, j] = value
            for inner in range(i + 1, j):
                if value >> np.uint64(8) > found[2, inner] >> np.uint64(8):
                    found[2, inner] = value
    return found


@njit(cache=True)
def kinds_of(
    codes: U64Array, boundaries: I32Array, keys: U64Array, starts: I32Array, bits: int, kinds: U8Array
) -> U64Array:  # pragma: no cover - compiled
    """Return the number of the kind of each word, 0 for one that is no entry: shape ``(n_words,)``."""
    found = np.zeros(len(boundaries) - 1, np.uint64)
    shift = np.uint64(64 - bits)
    for i in range(len(found)):
        key = np.uint64(PREFIX_SEED)
        for j in range(boundaries[i], boundaries[i + 1]):
            key = fold(key, codes[j])
        row = lookup(key, keys, starts, shift)
        if row >= 0:
            found[i] = kinds[row]
    return found
