"""Compiled training of the linear-chain CRF: one pass of AdaGrad over all sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tagger._typing import F32Array, F64Array, I32Array, I64Array, U64Array
from tagger.crf._scores import path_score
from tagger.crf._sums import Steps, exponentials, scaled_forward_backward

__all__ = ["blend", "train_epoch"]


@njit(cache=True, nogil=True)
def train_epoch(
    ids: I32Array,
    gold: I64Array,
    offsets: I64Array,
    order: I64Array,
    weights: F32Array,
    squares: F32Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    transition_squares: F64Array,
    start_squares: F64Array,
    end_squares: F64Array,
    rate: float,
    dropout: float,
    state: U64Array,
) -> float:  # pragma: no cover - compiled
    """Pass once over all sequences; weights change in place behind each.

    Attribute weights take an AdaGrad step [1]_ at every token, those of tag pairs, first and last tags one a sequence.

    Parameters
    ----------
    ids : ndarray of int32, shape (n_tokens, n_attributes)
        Rows of `weights`; -1 is no attribute.
    gold : ndarray of int64, shape (n_tokens,)
    offsets : ndarray of int64, shape (n_sequences + 1,)
    order : ndarray of int64, shape (n_sequences,)
    weights, squares : ndarray of float32, shape (n_features, n_tags)
        Weights and their summed squared gradients; likewise the pairs of arrays that follow.
    rate : float
        Step size.
    dropout : float
        Share of attributes left out of each token at random; the others are scaled by ``1 / (1 - dropout)``.
    state : ndarray of uint64, shape (1,)
        Of the random numbers; never zero.

    Returns
    -------
    loss : float
        Summed negative log-likelihood, as seen under dropout; nan if the weights have grown beyond all use.

    References
    ----------
    .. [1] Duchi, Hazan, Singer (2011), Adaptive subgradient methods. JMLR 12.
    """
    n_tags = weights.shape[1]
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    kept = np.empty((longest, ids.shape[1]), np.int32)
    work = np.empty((4, longest, n_tags), np.float64)
    scale = np.empty(longest, np.float64)
    pairs = np.empty((n_tags, n_tags), np.float64)
    loss = 0.0
    for s in order:
        first, last = offsets[s], offsets[s + 1]
        n = last - first
        scores, alpha, beta, local = work[0, :n], work[1, :n], work[2, :n], work[3, :n]
        _score_with_dropout(ids[first:last], weights, dropout, state, kept, scores)
        steps = exponentials(transitions, start, end)
        log_z = scaled_forward_backward(scores, steps, alpha, beta, local, scale)
        if np.isnan(log_z):
            # Scores this far apart come of a learning rate out of all proportion: the caller stops.
            return np.nan
        path = gold[first:last]
        loss += log_z - path_score(scores, transitions, start, end, path)
        _pair_gradient(alpha, beta, local, scale, steps, path, pairs)
        _step_tokens(kept, alpha, beta, path, weights, squares, rate, dropout)
        _step_edge(start, start_squares, alpha[0] * beta[0], path[0], rate)
        _step_edge(end, end_squares, alpha[n - 1] * beta[n - 1], path[n - 1], rate)
        _step_pairs(transitions, transition_squares, pairs, rate)
    return loss


@njit(cache=True, nogil=True)
def blend(mean: Any, now: Any, share: float) -> None:  # pragma: no cover - compiled
    """Move an array of any shape and kind by a share of the way to another, in place; both hold the same infinities."""
    mean, now = mean.reshape(-1), now.reshape(-1)
    for i in range(len(mean)):
        # Equal ones stay as they are: minus infinity less itself would be no number.
        if mean[i] != now[i]:
            mean[i] += share * (now[i] - mean[i])


@njit(cache=True, nogil=True)
def _draw(state: U64Array) -> np.uint64:  # pragma: no cover - compiled
    """Next 64 random bits (xorshift64*, Vigna 2016, ACM TOMS 42:30)."""
    x = np.uint64(state[0])
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.uint64(x * np.uint64(0x2545F4914F6CDD1D))


@njit(cache=True, nogil=True)
def _score_with_dropout(
    ids: I32Array, weights: F32Array, dropout: float, state: U64Array, kept: I32Array, scores: F64Array
) -> None:  # pragma: no cover - compiled
    """Draw which attributes each token keeps, -1 for the others, and sum the weights of those."""
    n_tags = weights.shape[1]
    boost = np.float32(1.0 / (1.0 - dropout))
    threshold = np.uint64(dropout * 2.0**32)
    for t in range(ids.shape[0]):
        row = scores[t]
        row[:] = 0.0
        for a in range(ids.shape[1]):
            f = ids[t, a]
            if f >= 0 and dropout > 0.0 and (_draw(state) >> np.uint64(32)) < threshold:
                f = -1
            kept[t, a] = f
            if f >= 0:
                for j in range(n_tags):
                    row[j] += weights[f, j]
        for j in range(n_tags):
            row[j] *= boost


@njit(cache=True, nogil=True)
def _pair_gradient(
    alpha: F64Array, beta: F64Array, local: F64Array, scale: F64Array, steps: Steps, path: I64Array, pairs: F64Array
) -> None:  # pragma: no cover - compiled
    """Write expected minus seen counts of each pair of tags into `pairs`, shape ``(n_tags, n_tags)``."""
    n, n_tags = alpha.shape
    pairs[:] = 0.0
    ahead = np.empty(n_tags, np.float64)
    for t in range(n - 1):
        for j in range(n_tags):
            ahead[j] = local[t + 1, j] * beta[t + 1, j] / scale[t + 1]
        for i in range(n_tags):
            a = alpha[t, i]
            if a != 0.0:
                if steps.few[i, 0] < 0:
                    for j in range(n_tags):
                        pairs[i, j] += a * ahead[j]
                for p in range(1, steps.few[i, 0] + 1):
                    pairs[i, steps.few[i, p]] += a * ahead[steps.few[i, p]]
    for i in range(n_tags):
        for j in range(n_tags):
            pairs[i, j] *= steps.step[i, j]
    for t in range(n - 1):
        pairs[path[t], path[t + 1]] -= 1.0


@njit(cache=True, nogil=True)
def _step_tokens(
    kept: I32Array,
    alpha: F64Array,
    beta: F64Array,
    path: I64Array,
    weights: F32Array,
    squares: F32Array,
    rate: float,
    dropout: float,
) -> None:  # pragma: no cover - compiled
    """Step the weights of the attributes that each token kept."""
    n, n_tags = alpha.shape
    gradient = np.empty(n_tags, np.float32)
    boost = np.float32(1.0 / (1.0 - dropout))
    rate32 = np.float32(rate)
    for t in range(n):
        for j in range(n_tags):
            gradient[j] = alpha[t, j] * beta[t, j]
        gradient[path[t]] -= np.float32(1.0)
        for j in range(n_tags):
            gradient[j] *= boost
        for a in range(kept.shape[1]):
            f = kept[t, a]
            if f >= 0:
                for j in range(n_tags):
                    g = gradient[j]
                    squares[f, j] += g * g
                    weights[f, j] -= rate32 * g / np.sqrt(squares[f, j])


@njit(cache=True, nogil=True)
def _step_edge(
    weights: F64Array, squares: F64Array, marginals: F64Array, seen: int, rate: float
) -> None:  # pragma: no cover - compiled
    """Step the weights of first or of last tags; forbidden ones have probability zero and stay."""
    for j in range(len(weights)):
        g = marginals[j] - (1.0 if j == seen else 0.0)
        if g != 0.0:
            squares[j] += g * g
            weights[j] -= rate * g / np.sqrt(squares[j])


@njit(cache=True, nogil=True)
def _step_pairs(
    transitions: F64Array, squares: F64Array, gradient: F64Array, rate: float
) -> None:  # pragma: no cover - compiled
    """Step the weights of tag pairs; forbidden ones have probability zero and stay."""
    for i in range(transitions.shape[0]):
        for j in range(transitions.shape[1]):
            g = gradient[i, j]
            if g != 0.0:
                squares[i, j] += g * g
                transitions[i, j] -= rate * g / np.sqrt(squares[i, j])
