"""Compiled search for the best tag path of a sequence, and for the best few."""

from __future__ import annotations

import numpy as np
from numba import njit

from tagger._typing import BoolArray, F64Array, I64Array

__all__ = ["best_path", "best_paths", "few_allowed", "nbest", "viterbi"]


@njit(cache=True, nogil=True)
def few_allowed(allowed: BoolArray) -> I64Array:  # pragma: no cover - compiled
    """List the allowed columns of each row: their count and they, up to four; or -1 and one past the last.

    Inside a span only two tags may follow: looked at one by one they cost a fraction of a row. Fuller rows are looked
    at whole up to the last one, forbidden pairs included, since that vectorises; `scheme.compact_order` brings the last
    one to the front.
    """
    few = np.zeros((allowed.shape[0], 5), np.int64)
    for i in range(allowed.shape[0]):
        columns = np.flatnonzero(allowed[i])
        if len(columns) <= 4:
            few[i, 0] = len(columns)
            few[i, 1 : len(columns) + 1] = columns
        else:
            few[i, 0], few[i, 1] = -1, columns[-1] + 1
    return few


@njit(cache=True, nogil=True)
def viterbi(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array
) -> I64Array:  # pragma: no cover - compiled
    """Tag path with the highest log-score; of equal ones, that with the smallest last tag, then before it."""
    ranks = np.arange(scores.shape[1])
    return best_path(scores, transitions, few_allowed(transitions > -np.inf), start, end, ranks)


@njit(cache=True, nogil=True)
def best_path(
    scores: F64Array, transitions: F64Array, few: I64Array, start: F64Array, end: F64Array, ranks: I64Array
) -> I64Array:  # pragma: no cover - compiled
    """As `viterbi`, with what `few_allowed` says of the transitions, and the tags in the order that decides ties."""
    n, n_tags = scores.shape
    best = np.empty((n, n_tags), np.float64)  # highest score of any path up to and with tag j at token t
    before, now = np.empty(n_tags, np.float64), np.empty(n_tags, np.float64)
    for j in range(n_tags):
        before[j] = best[0, j] = start[j] + scores[0, j]
    for t in range(1, n):
        # Only maxima on the way forward, so that the loop vectorises; where they came from is found on the way back.
        now[:] = -np.inf
        for i in range(n_tags):
            b = before[i]
            if few[i, 0] < 0:
                for j in range(few[i, 1]):
                    value, top = b + transitions[i, j], now[j]
                    now[j] = value if value > top else top
            for p in range(1, few[i, 0] + 1):
                j = few[i, p]
                now[j] = max(now[j], b + transitions[i, j])
        for j in range(n_tags):
            before[j] = best[t, j] = now[j] + scores[t, j]
    return _trace(best, transitions, end, ranks)


@njit(cache=True, nogil=True)
def _trace(
    best: F64Array, transitions: F64Array, end: F64Array, ranks: I64Array
) -> I64Array:  # pragma: no cover - compiled
    """Walk back from the best last tag; of equal ones the first of `ranks` is taken."""
    n = len(best)
    path = np.empty(n, np.int64)
    path[n - 1] = ranks[np.argmax((best[n - 1] + end)[ranks])]
    for t in range(n - 1, 0, -1):
        j = path[t]
        source = ranks[0]
        top = best[t - 1, source] + transitions[source, j]
        for i in ranks[1:]:
            value = best[t - 1, i] + transitions[i, j]
            if value > top:
                source, top = i, value
        path[t - 1] = source
    return path


@njit(cache=True, nogil=True)
def best_paths(
    scores: F64Array, offsets: I64Array, transitions: F64Array, start: F64Array, end: F64Array
) -> I64Array:  # pragma: no cover - compiled
    """Best path of each of many sequences, one behind another: shape ``(n_tokens,)``; offsets begin at 0."""
    few, ranks = few_allowed(transitions > -np.inf), np.arange(scores.shape[1])
    paths = np.empty(scores.shape[0], np.int64)
    for s in range(len(offsets) - 1):
        first, last = offsets[s], offsets[s + 1]
        if last > first:
            paths[first:last] = best_path(scores[first:last], transitions, few, start, end, ranks)
    return paths


@njit(cache=True, nogil=True)
def nbest(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array, n_paths: int
) -> tuple[I64Array, F64Array]:  # pragma: no cover - compiled
    """Find the `n_paths` best paths, best first, and their log-scores; fewer where fewer are legal.

    Equal ones stand in the order in which `viterbi` would choose between them.
    """
    n, n_tags = scores.shape
    n_paths = _count_paths(n, transitions, start, end, n_paths)
    # best[t, j, r]: score of the r-th best path up to and with tag j at token t; it came from the source[t, j, r]:
    # tag and rank at the token before, as tag * n_paths + rank
    best = np.full((n, n_tags, n_paths), -np.inf, np.float64)
    source = np.empty((n, n_tags, n_paths), np.int64)
    if n_paths:
        best[0, :, 0] = start + scores[0]
    for t in range(1, n):
        for j in range(n_tags):
            _merge(best[t - 1], transitions[:, j], scores[t, j], best[t, j], source[t, j])
    totals = np.full(n_paths, -np.inf, np.float64)
    at = np.empty(n_paths, np.int64)
    _merge(best[n - 1], end, 0.0, totals, at)
    paths = np.empty((n_paths, n), np.int64)
    for r in range(n_paths):
        step = at[r]
        for t in range(n - 1, -1, -1):
            j = paths[r, t] = step // n_paths
            step = source[t, j, step % n_paths]
    return paths, totals


@njit(cache=True, nogil=True)
def _count_paths(
    n: int, transitions: F64Array, start: F64Array, end: F64Array, most: int
) -> int:  # pragma: no cover - compiled
    """Count the legal paths over `n` tokens, up to `most`."""
    n_tags = len(start)
    legal = transitions > -np.inf
    counts = np.zeros(n_tags, np.int64)  # legal paths that end with this tag
    for j in range(n_tags):
        counts[j] = start[j] > -np.inf
    for _ in range(1, n):
        ahead = np.zeros(n_tags, np.int64)
        for i in range(n_tags):
            for j in range(n_tags):
                if legal[i, j]:
                    ahead[j] = min(most, ahead[j] + counts[i])
        counts = ahead
    total = 0
    for j in range(n_tags):
        if end[j] > -np.inf:
            total = min(most, total + counts[j])
    return total


@njit(cache=True, nogil=True)
def _merge(
    lists: F64Array, steps: F64Array, gain: float, best: F64Array, source: I64Array
) -> None:  # pragma: no cover - compiled
    """Write the best of several falling lists, ``lists[i]`` raised by ``steps[i] + gain``, and where each came from."""
    n_lists, n = lists.shape
    at = np.zeros(n_lists, np.int64)  # how many of each list are taken
    for r in range(n):
        top, chosen = -np.inf, -1
        for i in range(n_lists):
            if at[i] < n and lists[i, at[i]] + steps[i] > top:
                top, chosen = lists[i, at[i]] + steps[i], i
        if chosen < 0:
            return
        best[r] = top + gain
        source[r] = chosen * n + at[chosen]
        at[chosen] += 1
