"""Compiled probabilities of segments, and the segments on best paths."""

from __future__ import annotations

import numpy as np
from numba import njit

from tagger._typing import BoolArray, F64Array, I32Array, I64Array
from tagger.crf._lattice import Lattice, completed, grown, opened, weighed
from tagger.crf._paths import best_path, few_allowed
from tagger.crf._sums import exponentials, forward

__all__ = ["count_hits", "decode_segments", "gathered", "segment_probabilities", "span_probabilities"]


@njit(cache=True, nogil=True)
def segment_probabilities(
    scores: F64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    path: I64Array,
    segments: I32Array,
) -> F64Array:  # pragma: no cover - compiled
    """Probability that a path agrees with `path` on each whole segment, summed over all paths that do.

    Parameters
    ----------
    segments : ndarray of int32, shape (n_segments, 2)
        First and one past the last token of each segment; none is empty.

    Returns
    -------
    probabilities : ndarray of shape (n_segments,)
        For a segment that BIOES tags as one span this is the probability of exactly that span with that label.
    """
    found = np.empty(len(segments), np.float64)
    _weigh_segments(_lattice(scores, transitions, start, end), path, segments, found)
    return found


@njit(cache=True, nogil=True)
def span_probabilities(
    scores: F64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    ranges: I32Array,
    tags: I64Array,
) -> F64Array:  # pragma: no cover - compiled
    """Probability that each range is a segment tagged with its four tags: ``B I … I E`` or ``S``.

    Parameters
    ----------
    ranges : ndarray of int32, shape (n_ranges, 2)
        First and one past the last token; none is empty.
    tags : ndarray of int64, shape (n_ranges, 4)
        B, I, E and S tag of each range's label; -1 where there is none.
    """
    lattice = _lattice(scores, transitions, start, end)
    found = np.zeros(len(ranges), np.float64)
    for r in range(len(ranges)):
        first, last = ranges[r, 0], ranges[r, 1] - 1
        tag = tags[r, 3 if first == last else 0]
        if tag < 0:
            continue
        mass = opened(lattice, first, tag)
        for t in range(first + 1, last + 1):
            before, tag = tag, tags[r, 2 if t == last else 1]
            if tag < 0:
                break
            mass = grown(lattice, mass, t, before, tag)
        if tag >= 0:
            found[r] = weighed(lattice, mass, last, tag)
    return found


@njit(cache=True, nogil=True)
def _lattice(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array
) -> Lattice:  # pragma: no cover - compiled
    """Compute the sums of one sequence from nothing."""
    n, n_tags = scores.shape
    work, scale = np.empty((3, n, n_tags), np.float64), np.empty(n, np.float64)
    steps = exponentials(transitions, start, end)
    log_z = forward(scores, steps, work[0, :n], work[2, :n], scale)
    return completed(log_z, scores, transitions, start, end, steps, work, scale)


@njit(cache=True, nogil=True)
def _weigh_segments(
    lattice: Lattice, path: I64Array, segments: I32Array, found: F64Array
) -> None:  # pragma: no cover - compiled
    """Write the probability of each segment of `path`."""
    for s in range(len(segments)):
        first, last = segments[s, 0], segments[s, 1] - 1
        mass = opened(lattice, first, path[first])
        for t in range(first + 1, last + 1):
            mass = grown(lattice, mass, t, path[t - 1], path[t])
        found[s] = weighed(lattice, mass, last, path[last])


@njit(cache=True, nogil=True)
def decode_segments(
    scores: F64Array,
    offsets: I64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    opens: BoolArray,
    closes: BoolArray,
    order: I64Array,
) -> tuple[I32Array, I64Array, F64Array]:  # pragma: no cover - compiled
    """Find the segments on the best path of each of many sequences.

    Parameters
    ----------
    scores : ndarray of shape (n_tokens, n_tags)
        Emissions of all sequences, one behind another.
    offsets : ndarray of int64, shape (n_sequences + 1,)
        Sequence ``s`` is tokens ``offsets[s] - offsets[0]`` to before ``offsets[s + 1] - offsets[0]``.
    transitions, start, end, opens, closes : ndarray
        Those of the model, tags in `compact_order`; tags that open a segment (B, S) and that close one (E, S).
    order : ndarray of int64, shape (n_tags,)
        From `compact_order`: column of `scores` that each tag has.

    Returns
    -------
    segments : ndarray of int32, shape (n_segments, 2)
        First and one past the last token, counted as `offsets` counts.
    tags : ndarray of int64, shape (n_segments,)
        The tag of each segment's first token, as the model orders them.
    probabilities : ndarray of shape (n_segments,)
    """
    origin = offsets[0]
    n = offsets[-1] - origin
    segments = np.empty((n, 2), np.int32)
    tags = np.empty(n, np.int64)
    probabilities = np.empty(n, np.float64)
    steps = exponentials(transitions, start, end)
    few = few_allowed(transitions > -np.inf)
    longest = np.max(np.diff(offsets)) if len(offsets) > 1 else 0
    work, scale = np.empty((4, longest, scores.shape[1]), np.float64), np.empty(longest, np.float64)
    ranks = np.argsort(order)
    count = 0
    for s in range(len(offsets) - 1):
        first, last = offsets[s] - origin, offsets[s + 1] - origin
        if first == last:
            continue
        own = gathered(scores[first:last], order, work[3])
        path = best_path(own, transitions, few, start, end, ranks)
        before, count = count, count + _read_segments(path, opens, closes, segments[count:], tags[count:])
        if count > before:
            log_z = forward(own, steps, work[0, : last - first], work[2, : last - first], scale)
            lattice = completed(log_z, own, transitions, start, end, steps, work, scale)
            _weigh_segments(lattice, path, segments[before:count], probabilities[before:count])
            segments[before:count] += np.int32(first + origin)
    return segments[:count], order[tags[:count]], probabilities[:count]


@njit(cache=True, nogil=True)
def gathered(scores: F64Array, order: I64Array, room: F64Array) -> F64Array:  # pragma: no cover - compiled
    """Write the columns in another order into the first rows of `room`, and return these."""
    for t in range(scores.shape[0]):
        for j in range(scores.shape[1]):
            room[t, j] = scores[t, order[j]]
    return room[: scores.shape[0]]


@njit(cache=True, nogil=True)
def _read_segments(
    path: I64Array, opens: BoolArray, closes: BoolArray, segments: I32Array, tags: I64Array
) -> int:  # pragma: no cover - compiled
    """Write the segments of a path and the first tag of each; returns how many they are."""
    count = 0
    start = 0
    for t in range(len(path)):
        if opens[path[t]]:
            start = t
        if closes[path[t]]:
            segments[count, 0] = start
            segments[count, 1] = t + 1
            tags[count] = path[start]
            count += 1
    return count


@njit(cache=True, nogil=True)
def count_hits(
    paths: I64Array, gold: I64Array, opens: BoolArray, closes: BoolArray
) -> tuple[int, int, int]:  # pragma: no cover - compiled
    """Count the segments that two legal taggings share, and those of each; sequences follow one another."""
    hits = n_found = n_gold = 0
    found_start = gold_start = 0
    for t in range(len(paths)):
        p, g = paths[t], gold[t]
        if opens[p]:
            found_start = t
        if opens[g]:
            gold_start = t
        n_found += closes[p]
        n_gold += closes[g]
        if closes[p] and closes[g] and found_start == gold_start and paths[found_start] == gold[gold_start]:
            hits += 1
    return hits, n_found, n_gold
