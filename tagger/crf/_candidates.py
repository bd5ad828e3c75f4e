"""Compiled search for all segments of at least some probability, and for the best set of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tagger._typing import BoolArray, F64Array, I32Array, I64Array
from tagger.crf._lattice import Lattice, completed, grown, opened, weighed
from tagger.crf._scores import path_score
from tagger.crf._segments import gathered
from tagger.crf._sums import Steps, exponentials, forward

__all__ = ["best_set", "find_candidates"]

_ROUNDING = 1e-9  # what the probabilities of a token's tags may sum up to beside one


class Found(NamedTuple):
    """Room for segments; the first few are filled."""

    segments: I32Array
    tags: I64Array
    probabilities: F64Array


@njit(cache=True, nogil=True)
def find_candidates(
    scores: F64Array,
    offsets: I64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    labels: I64Array,
    outside: int,
    order: I64Array,
    threshold: float,
    choose: bool,
) -> tuple[I32Array, I64Array, F64Array]:  # pragma: no cover - compiled
    """Find the segments of many sequences whose probability is at least `threshold`.

    Parameters
    ----------
    scores, offsets, transitions, start, end, order
        As for `decode_segments`.
    labels : ndarray of int64, shape (n_labels, 4)
        B, I, E and S tag of each label, in `compact_order`; -1 where there is none.
    outside : int
        A tag that is in no segment, in that order; -1 if there is none.
    choose : bool
        Whether to keep only the `best_set` of each sequence.

    Returns
    -------
    segments, tags, probabilities
        As from `decode_segments`; in order of start, then label, then end.
    """
    origin = offsets[0]
    found = Found(np.empty((64, 2), np.int32), np.empty(64, np.int64), np.empty(64, np.float64))
    steps = exponentials(transitions, start, end)
    lowest = _lowest_step(transitions, start, end, steps)
    longest = np.max(np.diff(offsets)) if len(offsets) > 1 else 0
    work, scale = np.empty((4, longest, scores.shape[1]), np.float64), np.empty(longest, np.float64)
    empty = np.full(longest, outside, np.int64)  # the path without any segment
    count = 0
    for s in range(len(offsets) - 1):
        first, last = offsets[s] - origin, offsets[s + 1] - origin
        n = last - first
        if n == 0:
            continue
        own, alpha, local = gathered(scores[first:last], order, work[3]), work[0, :n], work[2, :n]
        log_z = forward(own, steps, alpha, local, scale)
        if outside >= 0 and not np.isnan(log_z):
            nothing = np.exp(path_score(own, transitions, start, end, empty[:n]) - log_z)
            if nothing > 1.0 - threshold and _nothing_lost(alpha, local, lowest):
                continue
        lattice = completed(log_z, own, transitions, start, end, steps, work, scale)
        before = count
        found, count = _collect(lattice, labels, outside, threshold, found, count)
        if choose:
            new = Found(found.segments[before:count], found.tags[before:count], found.probabilities[before:count])
            count = before + _keep(best_set(new.segments, new.probabilities, threshold, n), new)
        found.segments[before:count] += np.int32(first + origin)
    return found.segments[:count], order[found.tags[:count]], found.probabilities[:count]


@njit(cache=True, nogil=True)
def _lowest_step(
    transitions: F64Array, start: F64Array, end: F64Array, steps: Steps
) -> float:  # pragma: no cover - compiled
    """Smallest exponential of an allowed transition; 0 if one of them, or of start or end, is lost to underflow."""
    lost = np.sum(transitions > -np.inf) > np.sum(steps.step > 0)
    lost |= np.sum(start > -np.inf) > np.sum(steps.start > 0) or np.sum(end > -np.inf) > np.sum(steps.end > 0)
    if lost:
        return 0.0
    lowest = np.inf
    for step in steps.step.flat:
        if step > 0.0:
            lowest = min(lowest, step)
    return lowest


@njit(cache=True, nogil=True)
def _nothing_lost(alpha: F64Array, local: F64Array, lowest: float) -> bool:  # pragma: no cover - compiled
    """Whether `forward` can have lost no path to underflow, so that its log Z needs no check by `backward`.

    Every term that it adds up is then at least 1e-160; what is left of the range of floats is for the division by a sum
    of up to 1e140.
    """
    if lowest < 1e-40:
        return False
    for t in range(alpha.shape[0]):
        n_small = 0  # counted, not left at the first: so the loop vectorises
        for j in range(alpha.shape[1]):
            n_small += (0.0 < alpha[t, j] < 1e-60) | (local[t, j] < 1e-60)
        if n_small:
            return False
    return True


@njit(cache=True, nogil=True)
def _collect(
    lattice: Lattice, labels: I64Array, outside: int, threshold: float, found: Found, count: int
) -> tuple[Found, int]:  # pragma: no cover - compiled
    """Append the segments of one sequence.

    Where a token is so probably outside that no segment over it can reach the threshold, none is tried.

    A segment that begins at ``t`` and goes on at ``k`` either ends or goes on at ``k + 1``: its probability, ``reach``,
    only falls with ``k`` and bounds that of every end from there.
    """
    n = lattice.alpha.shape[0]
    for t in range(n):
        if outside >= 0 and weighed(lattice, opened(lattice, t, outside), t, outside) > 1.0 - threshold + _ROUNDING:
            continue
        for label in range(len(labels)):
            inside, last, single = labels[label, 1], labels[label, 2], labels[label, 3]
            if single >= 0:
                p = weighed(lattice, opened(lattice, t, single), t, single)
                if p >= threshold:
                    found, count = _append(found, count, t, t + 1, single, p)
            tag = first = labels[label, 0]
            if first < 0 or last < 0:
                continue
            mass = opened(lattice, t, first)
            reach = weighed(lattice, mass, t, first)
            k = t + 1
            while k < n and reach >= threshold:
                p = weighed(lattice, grown(lattice, mass, k, tag, last), k, last)
                if p >= threshold:
                    found, count = _append(found, count, t, k + 1, first, p)
                if inside < 0:
                    break
                mass = grown(lattice, mass, k, tag, inside)
                reach = weighed(lattice, mass, k, inside)
                tag = inside
                k += 1
    return found, count


@njit(cache=True, nogil=True)
def _append(
    found: Found, count: int, first: int, last: int, tag: int, probability: float
) -> tuple[Found, int]:  # pragma: no cover - compiled
    """Write one more segment; the room doubles when it is full."""
    if count == len(found.tags):
        more = Found(np.empty((2 * count, 2), np.int32), np.empty(2 * count, np.int64), np.empty(2 * count, np.float64))
        more.segments[:count] = found.segments
        more.tags[:count] = found.tags
        more.probabilities[:count] = found.probabilities
        found = more
    found.segments[count, 0] = first
    found.segments[count, 1] = last
    found.tags[count] = tag
    found.probabilities[count] = probability
    return found, count + 1


@njit(cache=True, nogil=True)
def best_set(
    segments: I32Array, probabilities: F64Array, threshold: float, n: int
) -> BoolArray:  # pragma: no cover - compiled
    """Choose the segments, none over another, with the largest sum of ``probabilities - threshold``.

    Weighted interval scheduling. Segments come in order of their start, between 0 and `n`; of equal sets the one that
    begins later, or with the earlier candidate, is chosen.
    """
    chosen = np.zeros(len(segments), np.bool_)
    best = np.zeros(n + 1, np.float64)  # largest sum of segments that begin at t or behind it
    pick = np.full(n, -1, np.int64)  # the segment that begins at t in that set
    c = len(segments)
    for t in range(n - 1, -1, -1):
        best[t] = best[t + 1]
        last = c
        while c > 0 and segments[c - 1, 0] == t:
            c -= 1
        for i in range(c, last):
            value = probabilities[i] - threshold + best[segments[i, 1]]
            if value > best[t]:
                best[t], pick[t] = value, i
    t = 0
    while t < n:
        if pick[t] < 0:
            t += 1
        else:
            chosen[pick[t]] = True
            t = segments[pick[t], 1]
    return chosen


@njit(cache=True, nogil=True)
def _keep(chosen: BoolArray, found: Found) -> int:  # pragma: no cover - compiled
    """Move the chosen segments to the front; returns how many they are."""
    count = 0
    for i in range(len(chosen)):
        if chosen[i]:
            found.segments[count] = found.segments[i]
            found.tags[count] = found.tags[i]
            found.probabilities[count] = found.probabilities[i]
            count += 1
    return count
