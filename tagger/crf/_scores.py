"""Compiled look-up of attributes, and sums of their weights: the score of every tag at every token."""

from __future__ import annotations

import numpy as np
from numba import njit

from tagger._typing import F32Array, F64Array, I16Array, I32Array, I64Array, U32Array, U64Array
from tagger.features._keys import lookup

__all__ = ["find_ids", "find_slots", "path_score", "sum_rows", "sum_weights"]


@njit(cache=True, nogil=True)
def find_ids(keys: U64Array, vocabulary: U64Array, starts: I32Array, bits: int) -> I32Array:  # pragma: no cover
    """Look up every key; -1 for those that were not learned. Shape as `keys`."""
    ids = np.empty(keys.shape, np.int32)
    shift = np.uint64(64 - bits)
    for t in range(keys.shape[0]):
        for a in range(keys.shape[1]):
            ids[t, a] = lookup(keys[t, a], vocabulary, starts, shift)
    return ids


@njit(cache=True, nogil=True)
def find_slots(keys: U64Array, table: U32Array, starts: I32Array, bits: int) -> I64Array:  # pragma: no cover
    """Look up where the weights of every key are; -1 for those that were not learned. Shape as `keys`.

    ``table[f]`` is the lower half of the key of attribute ``f`` and its slot, side by side so that one cache line holds
    both. With the leading `bits` that lead to its run, a key is told from any other by 32 + `bits` of its 64 bits: of
    the keys that were not learned, fewer than one in a billion is taken for one that was.
    """
    slots = np.full(keys.shape, -1, np.int64)
    shift = np.uint64(64 - bits)
    for t in range(keys.shape[0]):
        for a in range(keys.shape[1]):
            key = keys[t, a]
            half = np.uint32(key & np.uint64(0xFFFFFFFF))
            run = np.int64(key >> shift)
            for f in range(starts[run], starts[run + 1]):
                if table[f, 0] == half:
                    slots[t, a] = np.int64(table[f, 1])
                    break
    return slots


@njit(cache=True, nogil=True)
def sum_weights(
    slots: I64Array, dense: I16Array, sparse: I32Array, scale: float
) -> F64Array:  # pragma: no cover - compiled
    """Sum the weights of the attributes of each token: shape ``(n_tokens, n_tags)``.

    Weights are whole multiples of `scale`, so that sums are exact and do not depend on their order. An attribute that
    votes for many tags has a row of `dense`, the others a run of `sparse`, whose entries hold the tag above 16 bits of
    weight. This pass is apart from :func:`find_slots` because its misses then overlap: together they take twice as
    long.

    Parameters
    ----------
    slots : ndarray of int64, shape (n_tokens, n_attributes)
        Twice the row of `dense`, plus 1; or 16 times the start of the run, plus twice its length; or -1.
    """
    n_tags = dense.shape[1]
    scores = np.empty((slots.shape[0], n_tags), np.float64)
    sums = np.empty(n_tags, np.int32)
    for t in range(slots.shape[0]):
        sums[:] = 0
        for a in range(slots.shape[1]):
            slot = slots[t, a]
            if slot < 0:
                continue
            if slot & 1:
                row = slot >> 1
                for j in range(n_tags):
                    sums[j] += dense[row, j]
            else:
                first = slot >> 4
                for p in range(first, first + ((slot >> 1) & 7)):
                    entry = sparse[p]
                    sums[entry >> 16] += ((entry & 0xFFFF) ^ 0x8000) - 0x8000  # the sign of the lower 16 bits
        for j in range(n_tags):
            scores[t, j] = sums[j] * scale
    return scores


@njit(cache=True, nogil=True)
def sum_rows(ids: I32Array, weights: F32Array, prune: float) -> F64Array:  # pragma: no cover - compiled
    """Sum the rows of `weights` that each token names, as they would count once pruned: ``(n_tokens, n_tags)``."""
    n_tags = weights.shape[1]
    scores = np.zeros((ids.shape[0], n_tags), np.float64)
    for t in range(ids.shape[0]):
        for a in range(ids.shape[1]):
            f = ids[t, a]
            if f >= 0:
                for j in range(n_tags):
                    w = weights[f, j]
                    scores[t, j] += w if abs(w) > prune else np.float32(0.0)
    return scores


@njit(cache=True, nogil=True)
def path_score(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array, path: I64Array
) -> float:  # pragma: no cover - compiled
    """Log-score of one tag path: ``start + sum of emissions + sum of transitions + end``."""
    total = start[path[0]] + end[path[-1]]
    for t in range(len(path)):
        total += scores[t, path[t]]
        if t > 0:
            total += transitions[path[t - 1], path[t]]
    return float(total)
