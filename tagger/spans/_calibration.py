"""Confidences that mean what they say: Platt scaling of probabilities, and how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tagger._typing import BoolArray, F64Array

__all__ = ["Bin", "Calibration", "Reliability", "fit_calibration", "measure_reliability"]

_CLIP = 1e-9  # a probability is never closer to 0 or 1 than this, so that its logit is finite
_LEAST_SLOPE = 0.05  # a confidence must rise with the probability, whatever the held-out texts say
_MAX_STEPS = 100
_SMALL = 1e-10


class Calibration(NamedTuple):
    r"""Map from probability to confidence: :math:`\sigma(a \operatorname{logit} p + b)`.

    Platt scaling [1]_ on the logit of a probability instead of a margin, so that ``a=1, b=0`` changes nothing.

    References
    ----------
    .. [1] Platt (1999), Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers.

    Examples
    --------
    >>> Calibration().confidence(np.array([0.25])).tolist()
    [0.25]
    >>> Calibration(a=2.0).confidence(np.array([0.5, 0.75])).round(2).tolist()
    [0.5, 0.9]
    """

    a: float = 1.0
    b: float = 0.0

    def confidence(self, probabilities: F64Array) -> F64Array:
        """Return the confidences for model probabilities: shape as `probabilities`."""
        return probabilities if self == (1.0, 0.0) else _sigmoid(self.a * _logit(probabilities) + self.b)

    def probability(self, confidence: float) -> float:
        """Return the model probability that has this confidence."""
        if self == (1.0, 0.0):
            return confidence
        return float(_sigmoid((_logit(np.array(confidence)) - self.b) / self.a))


class Bin(NamedTuple):
    """Spans whose confidence lies in one range.

    Attributes
    ----------
    low, high : float
        The range; `high` belongs to it only where it is 1.
    confidence : float
        Mean confidence of its spans.
    right : float
        Share of them that were annotated so.
    n_spans : int
    """

    low: float
    high: float
    confidence: float
    right: float
    n_spans: int


class Reliability(NamedTuple):
    """What confidences are worth.

    Attributes
    ----------
    bins : tuple of Bin
        From low to high confidence; those without spans are left out.
    ece : float
        Expected calibration error: mean distance of confidence and share right, over all spans, bin by bin.
    """

    bins: tuple[Bin, ...]
    ece: float

    def __str__(self) -> str:
        rows = [f"{b.low:.1f}-{b.high:.1f}  {b.confidence:10.3f}  {b.right:5.3f}  {b.n_spans:6d}" for b in self.bins]
        return "\n".join(["range    confidence  right   spans", *rows, f"expected calibration error {self.ece:.4f}"])


def fit_calibration(probabilities: F64Array, right: BoolArray) -> Calibration:
    """Fit the map to which of some spans were right, by Newton's method on the log-likelihood.

    Targets are Platt's, drawn in from 0 and 1 by one made-up span of either kind, so that data that can be told apart
    have a finite answer.
    """
    x = _logit(probabilities)
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    y = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    X = np.stack([x, np.ones_like(x)], axis=1)  # (n_spans, 2)
    parameters = np.array([1.0, 0.0])
    for _ in range(_MAX_STEPS):
        p = _sigmoid(X @ parameters)
        hessian = (X * (p * (1 - p))[:, None]).T @ X + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, X.T @ (p - y))
        # Far from the optimum Newton's step overshoots: halve it until the likelihood gains.
        while (worse := _loss(X @ (parameters - step), y) > _loss(X @ parameters, y)) and np.abs(step).max() > _SMALL:
            step = step / 2
        if worse or np.abs(step).max() <= _SMALL:
            break
        parameters = parameters - step
    return Calibration(max(float(parameters[0]), _LEAST_SLOPE), float(parameters[1]))


def measure_reliability(confidences: F64Array, right: BoolArray, n_bins: int) -> Reliability:
    """Sort spans by confidence into bins of equal width and compare each bin's mean with its share right."""
    bin_of = np.minimum((confidences * n_bins).astype(int), n_bins - 1)
    bins = []
    for k in np.unique(bin_of).tolist():
        mine = bin_of == k
        mean, share = float(confidences[mine].mean()), float(right[mine].mean())
        bins.append(Bin(k / n_bins, (k + 1) / n_bins, mean, share, int(mine.sum())))
    return Reliability(tuple(bins), _expected_error(bins))


def _expected_error(bins: Sequence[Bin]) -> float:
    total = sum(b.n_spans for b in bins)
    return sum(b.n_spans * abs(b.confidence - b.right) for b in bins) / total if total else 0.0


def _loss(x: F64Array, y: F64Array) -> float:
    """Negative log-likelihood of targets `y` for log-odds `x`."""
    return float(np.sum(np.logaddexp(0.0, x) - y * x))


def _logit(p: F64Array) -> F64Array:
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    logit: F64Array = np.log(clipped) - np.log1p(-clipped)
    return logit


def _sigmoid(x: F64Array) -> F64Array:
    return 1 / (1 + np.exp(-np.clip(x, -700, 700)))
