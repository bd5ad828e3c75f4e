"""Compiled arithmetic of the linear-chain CRF: scores, sums over paths, best paths.

Conventions: ``T`` tags; an emission row holds one log-score a tag; transitions hold ``-inf`` where a pair of tags
is forbidden, and so do ``start`` and ``end``. Sums over paths run on probabilities scaled to one at every token
(Rabiner 1989, A tutorial on hidden Markov models, section V.A): one exponential a tag and token instead of one a
pair of tags. Where scores lie so far apart that a scaled sum underflows to zero, the sequence is done again in
logarithms, which is slower and never underflows.

Inner loops run over the destination tag, so that they vectorise without reordering any sum: the results do not
depend on the width of the machine's vectors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tagger._typing import BoolArray, F64Array, I16Array, I32Array, I64Array, U32Array, U64Array
from tagger.features._keys import lookup

__all__ = [
    "Steps",
    "decode_segments",
    "exponentials",
    "find_ids",
    "find_slots",
    "forward_backward",
    "log_forward_backward",
    "path_score",
    "scaled_forward_backward",
    "segment_probabilities",
    "sum_weights",
    "viterbi",
]


# Scaled sums are trusted between these. A path can be lost to underflow only where its forward share is below
# 1e-308 / _SMALL = 1e-158; if it matters all the same (say, for 1e-15 of the total) its backward factor there is above
# 1e-15 / 1e-158, which _LARGE catches.
_SMALL, _LARGE = 1e-150, 1e140


@njit(cache=True)
def find_ids(keys: U64Array, vocabulary: U64Array, starts: I32Array, bits: int) -> I32Array:  # pragma: no cover
    """Look up every key; -1 for those that were not learned. Shape as `keys`."""
    ids = np.empty(keys.shape, np.int32)
    shift = np.uint64(64 - bits)
    for t in range(keys.shape[0]):
        for a in range(keys.shape[1]):
            ids[t, a] = lookup(keys[t, a], vocabulary, starts, shift)
    return ids


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def few_allowed(allowed: BoolArray) -> I64Array:  # pragma: no cover - compiled
    """List the allowed columns of the rows that have at most four: their count, then they; -1 for a fuller row.

    Inside a span only two tags may follow: looked at one by one they cost a fraction of a row. Fuller rows are looked
    at whole, forbidden pairs included, since whole rows vectorise.
    """
    few = np.zeros((allowed.shape[0], 5), np.int64)
    for i in range(allowed.shape[0]):
        for j in range(allowed.shape[1]):
            if allowed[i, j]:
                if few[i, 0] == 4:
                    few[i, 0] = -1
                    break
                few[i, 0] += 1
                few[i, few[i, 0]] = j
    return few


@njit(cache=True)
def viterbi(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array
) -> I64Array:  # pragma: no cover - compiled
    """Tag path with the highest log-score; of equal ones, that with the smallest last tag, then before it."""
    return _viterbi(scores, transitions, few_allowed(transitions > -np.inf), start, end)


@njit(cache=True)
def _viterbi(
    scores: F64Array, transitions: F64Array, few: I64Array, start: F64Array, end: F64Array
) -> I64Array:  # pragma: no cover - compiled
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
                for j in range(n_tags):
                    value, top = b + transitions[i, j], now[j]
                    now[j] = value if value > top else top
            for p in range(1, few[i, 0] + 1):
                j = few[i, p]
                now[j] = max(now[j], b + transitions[i, j])
        for j in range(n_tags):
            before[j] = best[t, j] = now[j] + scores[t, j]
    path = np.empty(n, np.int64)
    path[n - 1] = np.argmax(best[n - 1] + end)
    for t in range(n - 1, 0, -1):
        j = path[t]
        source = 0
        for i in range(1, n_tags):
            if best[t - 1, i] + transitions[i, j] > best[t - 1, source] + transitions[source, j]:
                source = i
        path[t - 1] = source
    return path


class Steps(NamedTuple):
    """What scaled sums read of the transitions.

    Attributes
    ----------
    step, step_t : ndarray of shape (n_tags, n_tags)
        exp(transitions) and its transpose, both by rows.
    few, few_t : ndarray
        What `few_allowed` says of them.
    start, end : ndarray of shape (n_tags,)
        Exponentials as well.
    """

    step: F64Array
    step_t: F64Array
    few: I64Array
    few_t: I64Array
    start: F64Array
    end: F64Array


@njit(cache=True)
def exponentials(transitions: F64Array, start: F64Array, end: F64Array) -> Steps:  # pragma: no cover - compiled
    """Prepare the transitions for scaled sums."""
    step = np.exp(transitions)
    step_t = step.T.copy()
    return Steps(step, step_t, few_allowed(step > 0), few_allowed(step_t > 0), np.exp(start), np.exp(end))


@njit(cache=True)
def scaled_forward_backward(
    scores: F64Array,
    steps: Steps,
    alpha: F64Array,
    beta: F64Array,
    local: F64Array,
    scale: F64Array,
) -> float:  # pragma: no cover - compiled
    """Forward-backward on scaled probabilities; fills the four arrays and returns log Z, or nan if they do not fit.

    On return ``alpha[t, j] * beta[t, j]`` is the probability of tag ``j`` at token ``t``, ``local[t]`` is
    exp(scores[t] - their maximum), and ``scale[t]`` the sum that alpha was divided by.
    """
    n, n_tags = scores.shape
    log_z = 0.0
    for t in range(n):
        top = scores[t, 0]
        for j in range(1, n_tags):
            top = max(top, scores[t, j])
        log_z += top
        for j in range(n_tags):
            local[t, j] = np.exp(scores[t, j] - top)
        if t == 0:
            for j in range(n_tags):
                alpha[0, j] = steps.start[j]
        else:
            for j in range(n_tags):
                alpha[t, j] = 0.0
            for i in range(n_tags):
                a = alpha[t - 1, i]
                if a != 0.0:
                    if steps.few[i, 0] < 0:
                        for j in range(n_tags):
                            alpha[t, j] += a * steps.step[i, j]
                    for p in range(1, steps.few[i, 0] + 1):
                        alpha[t, steps.few[i, p]] += a * steps.step[i, steps.few[i, p]]
        total = 0.0
        for j in range(n_tags):
            alpha[t, j] *= local[t, j]
            total += alpha[t, j]
        if not _SMALL < total < _LARGE:
            return np.nan
        scale[t] = total
        log_z += np.log(total)
        for j in range(n_tags):
            alpha[t, j] /= total
    closing = 0.0
    for j in range(n_tags):
        closing += alpha[n - 1, j] * steps.end[j]
    if not _SMALL < closing < _LARGE:
        return np.nan
    for j in range(n_tags):
        beta[n - 1, j] = steps.end[j] / closing
    ahead = np.empty(n_tags, np.float64)
    for t in range(n - 2, -1, -1):
        for j in range(n_tags):
            ahead[j] = local[t + 1, j] * beta[t + 1, j] / scale[t + 1]
            beta[t, j] = 0.0
        for j in range(n_tags):
            a = ahead[j]
            if a != 0.0:
                if steps.few_t[j, 0] < 0:
                    for i in range(n_tags):
                        beta[t, i] += a * steps.step_t[j, i]
                for p in range(1, steps.few_t[j, 0] + 1):
                    beta[t, steps.few_t[j, p]] += a * steps.step_t[j, steps.few_t[j, p]]
    for t in range(n):
        for j in range(n_tags):
            if not beta[t, j] < _LARGE:
                return np.nan
    return float(log_z + np.log(closing))


@njit(cache=True)
def _logsumexp(values: F64Array) -> float:  # pragma: no cover - compiled
    top = float(np.max(values))
    if top == -np.inf:
        return top
    return top + float(np.log(np.sum(np.exp(values - top))))


@njit(cache=True)
def log_forward_backward(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array
) -> tuple[float, F64Array, F64Array]:  # pragma: no cover - compiled
    """Forward and backward log-sums of any magnitude.

    Returns
    -------
    log_z : float
        Log of the summed exp-scores of all paths.
    alpha, beta : ndarray of shape (n_tokens, n_tags)
        Log-sum of the paths up to and with this tag here; log-sum of those that follow it.
    """
    n, n_tags = scores.shape
    alpha = np.empty((n, n_tags), np.float64)
    beta = np.empty((n, n_tags), np.float64)
    alpha[0] = start + scores[0]
    for t in range(1, n):
        for j in range(n_tags):
            alpha[t, j] = scores[t, j] + _logsumexp(alpha[t - 1] + transitions[:, j])
    beta[n - 1] = end
    for t in range(n - 2, -1, -1):
        ahead = scores[t + 1] + beta[t + 1]
        for i in range(n_tags):
            beta[t, i] = _logsumexp(transitions[i] + ahead)
    return _logsumexp(alpha[n - 1] + end), alpha, beta


@njit(cache=True)
def forward_backward(
    scores: F64Array, transitions: F64Array, start: F64Array, end: F64Array
) -> tuple[float, F64Array]:  # pragma: no cover - compiled
    """Log partition function, and the probability of each tag at each token: shape ``(n_tokens, n_tags)``."""
    n, n_tags = scores.shape
    work = np.empty((3, n, n_tags), np.float64)
    alpha, beta = work[0], work[1]
    steps = exponentials(transitions, start, end)
    log_z = scaled_forward_backward(scores, steps, alpha, beta, work[2], np.empty(n, np.float64))
    if np.isnan(log_z):
        log_z, alpha, beta = log_forward_backward(scores, transitions, start, end)
        return log_z, np.exp(alpha + beta - log_z)
    return log_z, alpha * beta


@njit(cache=True)
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
    work = np.empty((3, scores.shape[0], scores.shape[1]), np.float64)
    steps = exponentials(transitions, start, end)
    return _segment_probabilities(scores, transitions, start, end, steps, path, segments, work)


@njit(cache=True)
def _segment_probabilities(
    scores: F64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    steps: Steps,
    path: I64Array,
    segments: I32Array,
    work: F64Array,
) -> F64Array:  # pragma: no cover - compiled
    """As `segment_probabilities`, with the exponentials and memory of shape (3, n_tokens or more, n_tags) given."""
    n = scores.shape[0]
    alpha, beta, local = work[0, :n], work[1, :n], work[2, :n]
    scale = np.empty(n, np.float64)
    log_z = scaled_forward_backward(scores, steps, alpha, beta, local, scale)
    found = np.empty(len(segments), np.float64)
    if np.isnan(log_z):
        log_z, alpha, beta = log_forward_backward(scores, transitions, start, end)
        for s in range(len(segments)):
            first, last = segments[s, 0], segments[s, 1] - 1
            total = alpha[first, path[first]] + beta[last, path[last]] - log_z
            for t in range(first + 1, last + 1):
                total += transitions[path[t - 1], path[t]] + scores[t, path[t]]
            found[s] = min(1.0, np.exp(total))
        return found
    for s in range(len(segments)):
        first, last = segments[s, 0], segments[s, 1] - 1
        p = alpha[first, path[first]] * beta[last, path[last]]
        for t in range(first + 1, last + 1):
            p *= steps.step[path[t - 1], path[t]] * local[t, path[t]] / scale[t]
        found[s] = min(1.0, p)
    return found


@njit(cache=True)
def decode_segments(
    scores: F64Array,
    offsets: I64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    opens: BoolArray,
    closes: BoolArray,
) -> tuple[I32Array, I64Array, F64Array]:  # pragma: no cover - compiled
    """Find the segments on the best path of each of many sequences.

    Parameters
    ----------
    scores : ndarray of shape (n_tokens, n_tags)
        Emissions of all sequences, one behind another.
    offsets : ndarray of int64, shape (n_sequences + 1,)
        Sequence ``s`` is tokens ``offsets[s] - offsets[0]`` to before ``offsets[s + 1] - offsets[0]``.
    opens, closes : ndarray of bool, shape (n_tags,)
        Tags that open a segment (B, S) and that close one (E, S).

    Returns
    -------
    segments : ndarray of int32, shape (n_segments, 2)
        First and one past the last token, counted as `offsets` counts.
    tags : ndarray of int64, shape (n_segments,)
        The tag of each segment's first token.
    probabilities : ndarray of shape (n_segments,)
    """
    origin = offsets[0]
    n = offsets[-1] - origin
    segments = np.empty((n, 2), np.int32)
    tags = np.empty(n, np.int64)
    probabilities = np.empty(n, np.float64)
    steps = exponentials(transitions, start, end)
    few = few_allowed(transitions > -np.inf)
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    work = np.empty((3, longest, scores.shape[1]), np.float64)
    count = 0
    for s in range(len(offsets) - 1):
        first, last = offsets[s] - origin, offsets[s + 1] - origin
        path = _viterbi(scores[first:last], transitions, few, start, end)
        before = count
        opened = 0
        for t in range(last - first):
            if opens[path[t]]:
                opened = t
            if closes[path[t]]:
                segments[count, 0] = opened
                segments[count, 1] = t + 1
                tags[count] = path[opened]
                count += 1
        if count > before:
            probabilities[before:count] = _segment_probabilities(
                scores[first:last], transitions, start, end, steps, path, segments[before:count], work
            )
            segments[before:count] += np.int32(first + origin)
    return segments[:count], tags[:count], probabilities[:count]
