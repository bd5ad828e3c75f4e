"""Scores of span predictions: strict F1 with an interval, checked against seqeval; error classes; leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.span_sets import Example, Round, outermost
from tagger.crf.scheme import spans_to_tags
from tagger.errors import TaggerError
from tagger.spans import LabelledRange

__all__ = [
    "ScoreMismatchError",
    "bootstrap_interval",
    "check_with_seqeval",
    "error_classes",
    "leaks",
    "mentions",
    "score",
]

_RESAMPLES = 2000
_BLOCK = 100  # resamples drawn at a time: memory does not grow with their number

ERROR_CLASSES = ("right", "type", "boundary", "type and boundary", "missed, seen", "missed, unseen")
"""What becomes of an annotated span; ``spurious`` counts predictions that touch none."""


class ScoreMismatchError(TaggerError, ArithmeticError):
    """Our strict scores and seqeval's differ: one of them is wrong, and no result may be published."""


def score(
    examples: Sequence[Example], predicted: Sequence[Collection[LabelledRange]], *, seed: int = 0
) -> dict[str, Any]:
    """Count strict matches (start, end and label all right) over all examples.

    Returns
    -------
    scores : dict
        ``precision``, ``recall``, ``f1``, each from 0 to 1; ``interval``, the 95 % bootstrap interval of F1 over
        examples; ``labels``, the same numbers and ``support`` for each label.

    Examples
    --------
    >>> scores = score([("砚川市的鹿泷县", ((0, 3, "PLACE"), (4, 7, "PLACE")))], [[(0, 3, "PLACE")]])
    >>> scores["precision"], scores["recall"], round(scores["f1"], 3)
    (1.0, 0.5, 0.667)
    """
    counts = _counts(examples, predicted)
    labels = sorted({label for spans in (*predicted, *(gold for _, gold in examples)) for *_, label in spans})
    return {
        **_prf(counts.sum(axis=0)),
        "interval": bootstrap_interval(counts, seed=seed),
        "labels": {label: _label_score(examples, predicted, label) for label in labels},
    }


def bootstrap_interval(counts: np.ndarray, *, seed: int = 0) -> list[float]:
    """Return the 95 % percentile interval of F1 when examples are drawn again with replacement [1]_.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_examples, 3)
        Hits, predicted and annotated spans of each example.

    References
    ----------
    .. [1] Efron, Tibshirani (1993), An introduction to the bootstrap. Chapman & Hall.

    Examples
    --------
    >>> bootstrap_interval(np.array([[1, 1, 1]] * 5))
    [1.0, 1.0]
    """
    n = len(counts)
    if not n:
        return [0.0, 0.0]
    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(_RESAMPLES // _BLOCK):
        sums = rng.multinomial(n, np.full(n, 1 / n), size=_BLOCK) @ counts  # (_BLOCK, 3)
        scores.append(2 * sums[:, 0] / np.maximum(1, sums[:, 1] + sums[:, 2]))
    low, high = np.percentile(np.concatenate(scores), [2.5, 97.5])
    return [float(low), float(high)]


def check_with_seqeval(examples: Sequence[Example], predicted: Sequence[Collection[LabelledRange]]) -> None:
    """Compare precision, recall and F1 with seqeval's strict mode over BIOES tags.

    Tags cannot nest, so both sides count the outermost spans only; without nested spans that is all of them.

    Raises
    ------
    ScoreMismatchError
        If any number differs by more than 1e-9; the message gives both.
    """
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOBES

    flat = [(text, outermost(gold)) for text, gold in examples]
    found = [outermost(spans) for spans in predicted]
    ours = _prf(_counts(flat, found).sum(axis=0))
    gold_tags = [spans_to_tags(gold, len(text)) for text, gold in flat]
    tags = [spans_to_tags(spans, len(text)) for (text, _), spans in zip(flat, found, strict=True)]
    theirs = precision_recall_fscore_support(
        gold_tags, tags, average="micro", mode="strict", scheme=IOBES, zero_division=0
    )
    for name, mine, other in zip(("precision", "recall", "f1"), ours.values(), theirs[:3], strict=True):
        if abs(mine - float(other)) > 1e-9:
            raise ScoreMismatchError(f"strict {name} is {mine!r} by our count but {float(other)!r} by seqeval's")


def mentions(examples: Iterable[Example]) -> set[tuple[str, str]]:
    """Return every (surface, label) that the examples hold."""
    return {(text[start:end], label) for text, spans in examples for start, end, label in spans}


def error_classes(
    examples: Sequence[Example], predicted: Sequence[Collection[LabelledRange]], known: Collection[tuple[str, str]]
) -> dict[str, int]:
    """Count what became of each annotated span, and the predictions that touch none.

    Parameters
    ----------
    known : collection of (str, str)
        The :func:`mentions` of the training part, which tell a seen span from an unseen one.

    Returns
    -------
    counts : dict
        A count for each of :data:`ERROR_CLASSES` (they sum to the number of annotated spans), ``spurious``, and
        ``seen``, ``right, seen``: how many annotated spans stand in training as they are, and how many were found.

    Examples
    --------
    >>> counts = error_classes([("砚川市的鹿泷县", ((0, 3, "PLACE"), (4, 7, "PLACE")))], [[(0, 3, "ORG")]], set())
    >>> counts["type"], counts["missed, unseen"], counts["spurious"]
    (1, 1, 0)
    """
    counts: Counter[str] = Counter(dict.fromkeys((*ERROR_CLASSES, "spurious", "seen", "right, seen"), 0))
    for (text, gold), found in zip(examples, predicted, strict=True):
        for span in gold:
            seen = (text[span[0] : span[1]], span[2]) in known
            fate = _fate(span, found)
            counts[f"missed, {'seen' if seen else 'unseen'}" if fate == "missed" else fate] += 1
            counts["seen"] += seen
            counts["right, seen"] += seen and fate == "right"
        counts["spurious"] += sum(not any(_overlap(span, other) for other in gold) for span in found)
    return dict(counts)


def leaks(rounds: Sequence[Round]) -> dict[str, float]:
    """Return which shares of the test texts, and of the test mentions as (surface, label), stand in training."""
    texts = found_texts = spans = found_spans = 0
    for part in rounds:
        known_texts = {text for text, _ in part.train}
        known = mentions(part.train)
        texts += len(part.test)
        found_texts += sum(text in known_texts for text, _ in part.test)
        surfaces = [(text[a:b], label) for text, gold in part.test for a, b, label in gold]
        spans += len(surfaces)
        found_spans += sum(one in known for one in surfaces)
    return {"texts": found_texts / max(1, texts), "mentions": found_spans / max(1, spans), "n_texts": found_texts}


def _counts(examples: Sequence[Example], predicted: Sequence[Collection[LabelledRange]]) -> np.ndarray:
    """Hits, predicted and annotated spans of each example: int64, shape (n_examples, 3)."""
    rows = [
        (len(set(found) & set(gold)), len(set(found)), len(set(gold)))
        for (_, gold), found in zip(examples, predicted, strict=True)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


def _label_score(
    examples: Sequence[Example], predicted: Sequence[Collection[LabelledRange]], label: str
) -> dict[str, float]:
    only = [(text, tuple(span for span in gold if span[2] == label)) for text, gold in examples]
    found = [[span for span in spans if span[2] == label] for spans in predicted]
    counts = _counts(only, found).sum(axis=0)
    return {**_prf(counts), "support": int(counts[2])}


def _prf(counts: np.ndarray) -> dict[str, float]:
    hits, n_predicted, n_gold = map(int, counts)
    return {
        "precision": hits / n_predicted if n_predicted else 0.0,
        "recall": hits / n_gold if n_gold else 0.0,
        "f1": 2 * hits / (n_predicted + n_gold) if n_predicted + n_gold else 0.0,
    }


def _fate(span: LabelledRange, found: Collection[LabelledRange]) -> str:
    if span in found:
        return "right"
    touching = [other for other in found if _overlap(span, other)]
    if not touching:
        return "missed"
    if any(other[:2] == span[:2] for other in touching):
        return "type"
    return "boundary" if any(other[2] == span[2] for other in touching) else "type and boundary"


def _overlap(one: LabelledRange, other: LabelledRange) -> bool:
    return one[0] < other[1] and other[0] < one[1]
