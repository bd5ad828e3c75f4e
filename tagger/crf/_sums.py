"""Compiled sums over all paths of a sequence: the partition function, and the shares of tags.

Conventions of the compiled code: ``T`` tags; an emission row holds one log-score a tag; transitions hold ``-inf`` where
a pair of tags is forbidden, and so do ``start`` and ``end``. Sums run on probabilities scaled to one at every token
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

from tagger._typing import F64Array, I64Array
from tagger.crf._exp import exp_below_top
from tagger.crf._paths import few_allowed

__all__ = [
    "Steps",
    "backward",
    "exponentials",
    "forward",
    "forward_backward",
    "log_forward_backward",
    "scaled_forward_backward",
]

# Scaled sums are trusted between these. A path can be lost to underflow only where its forward share is below
# 1e-308 / _SMALL = 1e-158; if it matters all the same (say, for 1e-15 of the total) its backward factor there is above
# 1e-15 / 1e-158, which _LARGE catches.
_SMALL, _LARGE = 1e-150, 1e140


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


@njit(cache=True, nogil=True)
def exponentials(transitions: F64Array, start: F64Array, end: F64Array) -> Steps:  # pragma: no cover - compiled
    """Prepare the transitions for scaled sums."""
    step = np.exp(transitions)
    step_t = step.T.copy()
    return Steps(step, step_t, few_allowed(step > 0), few_allowed(step_t > 0), np.exp(start), np.exp(end))


@njit(cache=True, nogil=True)
def scaled_forward_backward(
    scores: F64Array, steps: Steps, alpha: F64Array, beta: F64Array, local: F64Array, scale: F64Array
) -> float:  # pragma: no cover - compiled
    """Forward-backward on scaled probabilities; fills the four arrays and returns log Z, or nan if they do not fit.

    On return ``alpha[t, j] * beta[t, j]`` is the probability of tag ``j`` at token ``t``, ``local[t]`` is
    exp(scores[t] - their maximum), and ``scale[t]`` the sum that alpha was divided by.
    """
    log_z = forward(scores, steps, alpha, local, scale)
    if not np.isnan(log_z) and not backward(steps, alpha, local, scale, beta):
        return np.nan
    return log_z


@njit(cache=True, nogil=True)
def forward(
    scores: F64Array, steps: Steps, alpha: F64Array, local: F64Array, scale: F64Array
) -> float:  # pragma: no cover - compiled
    """Sum the paths up to each token and tag; fills the three arrays and returns log Z, or nan if they do not fit.

    On return ``alpha[t]`` are shares that sum to one; the other two are those of `scaled_forward_backward`.
    """
    n, n_tags = scores.shape
    log_z = exp_below_top(scores, local)
    for t in range(n):
        if t == 0:
            alpha[0, :] = steps.start
        else:
            _spread(alpha[t - 1], steps.step, steps.few, alpha[t])
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
    closing = _closing(alpha, steps)
    return float(log_z + np.log(closing)) if _SMALL < closing < _LARGE else np.nan


@njit(cache=True, nogil=True)
def backward(
    steps: Steps, alpha: F64Array, local: F64Array, scale: F64Array, beta: F64Array
) -> bool:  # pragma: no cover - compiled
    """Sum the paths that follow each token and tag, from what `forward` left; returns whether they fit."""
    n, n_tags = alpha.shape
    closing = _closing(alpha, steps)
    for j in range(n_tags):
        beta[n - 1, j] = steps.end[j] / closing
    ahead = np.empty(n_tags, np.float64)
    for t in range(n - 2, -1, -1):
        for j in range(n_tags):
            ahead[j] = local[t + 1, j] * beta[t + 1, j] / scale[t + 1]
        _spread(ahead, steps.step_t, steps.few_t, beta[t])
    for t in range(n):
        for j in range(n_tags):
            if not beta[t, j] < _LARGE:
                return False
    return True


@njit(cache=True, nogil=True)
def _spread(shares: F64Array, step: F64Array, few: I64Array, out: F64Array) -> None:  # pragma: no cover - compiled
    """Multiply a row with a matrix: ``out[j]`` becomes the sum over ``i`` of ``shares[i] * step[i, j]``."""
    n_tags = len(out)
    for j in range(n_tags):
        out[j] = 0.0
    for i in range(n_tags):
        share = shares[i]
        if share != 0.0:
            if few[i, 0] < 0:
                for j in range(few[i, 1]):
                    out[j] += share * step[i, j]
            for p in range(1, few[i, 0] + 1):
                out[few[i, p]] += share * step[i, few[i, p]]


@njit(cache=True, nogil=True)
def _closing(alpha: F64Array, steps: Steps) -> float:  # pragma: no cover - compiled
    """Sum the shares of the last token's tags, each times what closing with it is worth."""
    total = 0.0
    for j in range(alpha.shape[1]):
        total += alpha[-1, j] * steps.end[j]
    return total


@njit(cache=True, nogil=True)
def _logsumexp(values: F64Array) -> float:  # pragma: no cover - compiled
    top = float(np.max(values))
    if top == -np.inf:
        return top
    return top + float(np.log(np.sum(np.exp(values - top))))


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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
