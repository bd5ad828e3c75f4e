"""64-bit feature keys and the table that finds them again.

A feature (an n-gram, a word, a template filled with its values) is known by a 64-bit key: the mix of its parts.
With a million features the chance that any two of them share a key is below one in ten million
(birthday bound: n^2 / 2^65), so keys stand in for strings, and nothing builds a Python object per character.

Keys that were learned are kept sorted. Since mixed keys are spread evenly, their leading bits cut the sorted
array into runs of about one key; `radix_index` stores where each run begins. A look-up reads one run:
no load factor, no collision chain, and the file holds just the keys.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tagger._typing import I32Array, U64Array

__all__ = ["fold", "fold_all", "key_of", "lookup", "radix_bits", "radix_index", "word_keys"]

# Constants of splitmix64 (Steele, Lea, Flood 2014, Fast splittable pseudorandom number generators, OOPSLA).
WORD_SEED = 0x776F7264  # "word": keys of words, the same in templates and lexicons

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@njit(cache=True, inline="always")
def fold(key: np.uint64, value: np.uint64) -> np.uint64:  # pragma: no cover - compiled
    """Mix one more 64-bit value into a key; the order of the values matters."""
    z = (key ^ value) + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def key_of(codes: U64Array, seed: int) -> np.uint64:  # pragma: no cover - compiled
    """Key of one sequence of code points under a seed that tells kinds of features apart."""
    key = fold(np.uint64(seed), np.uint64(len(codes)))
    for code in codes:
        key = fold(key, code)
    return key


@njit(cache=True)
def fold_all(keys: U64Array, value: int) -> U64Array:  # pragma: no cover - compiled
    """Mix one value into every key: a copy of `keys` that shares none with other values' copies."""
    folded = np.empty_like(keys)
    for i in range(len(keys)):
        folded[i] = fold(keys[i], np.uint64(value))
    return folded


@njit(cache=True)
def word_keys(codes: U64Array, boundaries: I32Array) -> U64Array:  # pragma: no cover - compiled
    """Key of every word; word ``i`` is ``codes[boundaries[i]:boundaries[i + 1]]``."""
    keys = np.empty(len(boundaries) - 1, np.uint64)
    for i in range(len(keys)):
        keys[i] = key_of(codes[boundaries[i] : boundaries[i + 1]], WORD_SEED)
    return keys


def radix_bits(n_keys: int) -> int:
    """How many leading bits to index: about one key a run."""
    return max(1, min(24, int(n_keys).bit_length()))


@njit(cache=True)
def radix_index(keys: U64Array, bits: int) -> I32Array:  # pragma: no cover - compiled
    """Where each run of sorted `keys` with equal leading `bits` begins: shape ``(2**bits + 1,)``."""
    starts = np.zeros((1 << bits) + 1, np.int32)
    shift = np.uint64(64 - bits)
    for key in keys:
        starts[np.int64(key >> shift) + 1] += 1
    for i in range(1 << bits):
        starts[i + 1] += starts[i]
    return starts


@njit(cache=True, inline="always")
def lookup(key: np.uint64, keys: U64Array, starts: I32Array, shift: np.uint64) -> int:  # pragma: no cover - compiled
    """Position of `key` among the sorted `keys`, or -1; `shift` is 64 minus the bits of `starts`."""
    run = np.int64(key >> shift)
    for i in range(starts[run], starts[run + 1]):
        if keys[i] == key:
            return i
    return -1
