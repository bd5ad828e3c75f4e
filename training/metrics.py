"""Scores of predictions against annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

__all__ = ["calibration_error", "span_scores", "topic_scores"]

LabelledRange = tuple[int, int, str]


def span_scores(
    gold: Sequence[Collection[LabelledRange]], predicted: Sequence[Collection[LabelledRange]]
) -> dict[str, Any]:
    """Count strict matches: start, end and label all right.

    Returns
    -------
    scores : dict
        ``precision``, ``recall``, ``f1`` over all spans, and under ``labels`` the same and ``support`` for each label.

    Examples
    --------
    >>> scores = span_scores([[(0, 3, "ORG"), (5, 7, "PLACE")]], [[(0, 3, "ORG"), (5, 8, "PLACE")]])
    >>> scores["f1"], scores["labels"]["PLACE"]["f1"]
    (0.5, 0.0)
    """
    hits: Counter[str] = Counter()
    n_gold: Counter[str] = Counter()
    n_predicted: Counter[str] = Counter()
    for truth, found in zip(gold, predicted, strict=True):
        n_gold.update(label for _, _, label in set(truth))
        n_predicted.update(label for _, _, label in set(found))
        hits.update(label for _, _, label in set(truth) & set(found))
    labels = sorted(set(n_gold) | set(n_predicted))
    return {
        **_prf(hits.total(), n_predicted.total(), n_gold.total()),
        "labels": {
            label: {**_prf(hits[label], n_predicted[label], n_gold[label]), "support": n_gold[label]}
            for label in labels
        },
    }


def topic_scores(
    gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]], topics: Sequence[str]
) -> dict[str, Any]:
    """Score each topic as a question of its own.

    Returns
    -------
    scores : dict
        ``macro_f1`` over `topics`, and under ``labels`` precision, recall, F1 and support of each.

    Examples
    --------
    >>> topic_scores([["audit"], []], [["audit"], ["audit"]], ["audit"])["labels"]["audit"]["precision"]
    0.5
    """
    labels = {}
    for topic in topics:
        hits = sum(topic in g and topic in p for g, p in zip(gold, predicted, strict=True))
        n_predicted, n_gold = (sum(topic in one for one in many) for many in (predicted, gold))
        labels[topic] = {**_prf(hits, n_predicted, n_gold), "support": n_gold}
    return {"macro_f1": _rounded(np.mean([labels[topic]["f1"] for topic in topics])), "labels": labels}


def calibration_error(probabilities: np.ndarray, truth: np.ndarray, *, n_bins: int = 10) -> float:
    """Return the expected calibration error: the mean gap between confidence and share right, weighted by bin size.

    Parameters
    ----------
    probabilities : ndarray of shape (n_predictions,)
    truth : ndarray of bool, shape (n_predictions,)
    n_bins : int
        Bins of equal width.

    References
    ----------
    .. [1] Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning. AAAI.

    Examples
    --------
    >>> float(calibration_error(np.array([0.8, 0.8, 0.8, 0.8, 0.8]), np.array([1, 1, 1, 1, 0], bool)))
    0.0
    """
    bins = np.minimum((probabilities * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, weights=probabilities - truth, minlength=n_bins)
    return _rounded(np.abs(gaps).sum() / max(1, len(truth)))


def _prf(hits: int, n_predicted: int, n_gold: int) -> dict[str, float]:
    return {
        "precision": _rounded(hits / n_predicted if n_predicted else 0.0),
        "recall": _rounded(hits / n_gold if n_gold else 0.0),
        "f1": _rounded(2 * hits / (n_predicted + n_gold) if n_predicted + n_gold else 0.0),
    }


def _rounded(score: float) -> float:
    return round(float(score), 4)
