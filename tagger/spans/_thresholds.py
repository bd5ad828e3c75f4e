"""The decoding threshold: precision for recall, chosen on held-out texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

import numpy as np

from tagger._typing import BoolArray, F64Array, I32Array
from tagger.crf._candidates import best_set
from tagger.crf.linear_chain import Segments
from tagger.errors import ConfigurationError
from tagger.spans._calibration import Calibration
from tagger.spans._features import Features, keyed_batches
from tagger.spans._fitted import Layer
from tagger.spans._types import LabelledRange

__all__ = [
    "FLOOR",
    "Candidates",
    "Judgement",
    "OperatingPoint",
    "choose_point",
    "find_candidates",
    "operating_points",
    "pool",
]

FLOOR = 0.01
"""Segments of less probability are no candidates."""

_GRID = (*np.arange(2, 99) / 100, 0.985, 0.99, 0.995, 0.999)


class OperatingPoint(NamedTuple):
    """What a threshold comes to on some texts: strict precision, recall and F1 of spans."""

    threshold: float
    precision: float
    recall: float
    f1: float


class Candidates(NamedTuple):
    """Segments of one layer in many texts, put behind each other, that any threshold could choose from.

    Attributes
    ----------
    segments : ndarray of int32, shape (n_candidates, 2)
        In order of start; texts counted on behind each other.
    probabilities : ndarray of shape (n_candidates,)
        Those of the model, not calibrated.
    spans : list of LabelledRange
        What each candidate would be as a span.
    right : ndarray of bool, shape (n_candidates,)
        Whether this range was annotated with this label.
    n_chars : int
        Of all texts.
    """

    segments: I32Array
    probabilities: F64Array
    spans: list[LabelledRange]
    right: BoolArray
    n_chars: int


class Judgement(NamedTuple):
    """What a tagger finds in held-out texts and how much of it is right: all that confidences are adjusted by.

    Attributes
    ----------
    layers : list of Candidates
        One for each layer.
    n_gold : int
        Annotated spans.
    """

    layers: list[Candidates]
    n_gold: int


def pool(judgements: Sequence[Judgement]) -> Judgement:
    """Put judgements behind each other, as if one tagger had found all of it.

    Raises
    ------
    ConfigurationError
        If none came, or their taggers had different numbers of layers.
    """
    if not judgements:
        raise ConfigurationError("no judgement came: give those of SpanTagger.judge on held-out texts")
    depths = {len(judgement.layers) for judgement in judgements}
    if len(depths) != 1:
        raise ConfigurationError(f"judgements of taggers with {sorted(depths)} layers cannot be put together")
    layers = [_joined([judgement.layers[k] for judgement in judgements]) for k in range(depths.pop())]
    return Judgement(layers, sum(judgement.n_gold for judgement in judgements))


def _joined(parts: Sequence[Candidates]) -> Candidates:
    starts = np.cumsum([0, *(part.n_chars for part in parts)])
    return Candidates(
        np.concatenate([part.segments + start for part, start in zip(parts, starts, strict=False)]).astype(np.int32),
        np.concatenate([part.probabilities for part in parts]),
        [span for part in parts for span in part.spans],
        np.concatenate([part.right for part in parts]),
        int(starts[-1]),
    )


def find_candidates(
    texts: Sequence[str], annotations: Sequence[Sequence[LabelledRange]], layers: Sequence[Layer], features: Features
) -> Judgement:
    """Find all segments that some threshold could choose, and which of them are right."""
    found: list[list[Segments]] = [[] for _ in layers]
    gold: set[LabelledRange] = set()
    origin = 0
    for text, spans in zip(texts, annotations, strict=True):
        gold.update((start + origin, end + origin, label) for start, end, label in spans)
        for offsets, keys in keyed_batches([text], features):
            for layer, parts in zip(layers, found, strict=True):
                scores = layer.crf.emissions(keys)
                parts.append(layer.crf.candidate_segments(scores, offsets + origin, FLOOR))
        origin += len(text)
    collected = [_collect(parts, layer.labels, gold, origin) for parts, layer in zip(found, layers, strict=True)]
    return Judgement(collected, len(gold))


def _collect(parts: Sequence[Segments], labels: Sequence[str], gold: Set[LabelledRange], n_chars: int) -> Candidates:
    """Put the candidates of one layer behind each other."""
    if not parts:
        return Candidates(np.empty((0, 2), np.int32), np.empty(0), [], np.empty(0, bool), n_chars)
    ranges, tags, probabilities = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    names = [labels[k] for k in ((tags - 1) // 4).tolist()]  # `bioes_tags` gives "O", then four tags a label
    spans = [(start, end, name) for (start, end), name in zip(ranges.tolist(), names, strict=True)]
    right = np.array([span in gold for span in spans], bool)
    return Candidates(ranges, probabilities, spans, right, n_chars)


def operating_points(layers: Sequence[Candidates], n_gold: int, calibration: Calibration) -> Iterator[OperatingPoint]:
    """Yield precision, recall and F1 for thresholds on the confidence from low to high."""
    for threshold in _GRID:
        least = calibration.probability(float(threshold))
        chosen = [best_set(layer.segments, layer.probabilities, least, layer.n_chars) for layer in layers]
        right = [mine & layer.right for mine, layer in zip(chosen, layers, strict=True)]
        n_hits, n_chosen = _count(layers, right), _count(layers, chosen)
        yield _point(float(threshold), n_hits, n_chosen, n_gold)


def choose_point(
    points: Sequence[OperatingPoint], *, precision: float | None = None, recall: float | None = None
) -> OperatingPoint:
    """Choose the point of highest F1; or of highest recall at that precision, or of highest precision at that recall.

    Of equal ones, the threshold nearest to half the F1 is taken: there the best one lies in expectation [1]_.

    Raises
    ------
    ConfigurationError
        If the wanted value is no share, or no threshold reaches it.

    References
    ----------
    .. [1] Lipton, Elkan, Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1 measure. ECML PKDD.
    """
    if precision is not None and recall is not None:
        raise ConfigurationError(
            "precision and recall cannot both be wanted: give one of them, or none for the best F1"
        )
    for name, value in (("precision", precision), ("recall", recall)):
        if value is not None and not 0 < value <= 1:
            raise ConfigurationError(f"{name}={value!r}: expected a share above 0, at most 1")
    if precision is not None:
        points = _reaching(points, "precision", precision)
        return max(points, key=lambda p: (p.recall, p.precision, -p.threshold))
    if recall is not None:
        points = _reaching(points, "recall", recall)
        return max(points, key=lambda p: (p.precision, p.recall, -p.threshold))
    best = max(p.f1 for p in points)
    return min((p for p in points if p.f1 == best), key=lambda p: abs(p.threshold - best / 2))


def _reaching(points: Sequence[OperatingPoint], name: str, wanted: float) -> list[OperatingPoint]:
    reaching = [point for point in points if getattr(point, name) >= wanted]
    if not reaching:
        best = max(points, key=lambda point: float(getattr(point, name)))
        raise ConfigurationError(
            f"{name}={wanted} is not reached on these texts: the most is {getattr(best, name):.3f}, at threshold "
            f"{best.threshold} (F1 {best.f1:.3f}); ask for less, or train on more"
        )
    return reaching


def _count(layers: Sequence[Candidates], chosen: Sequence[BoolArray]) -> int:
    """Count the chosen spans; one that two layers chose counts once."""
    if len(layers) == 1:
        return int(chosen[0].sum())
    return len({layer.spans[i] for layer, mine in zip(layers, chosen, strict=True) for i in np.flatnonzero(mine)})


def _point(threshold: float, n_hits: int, n_chosen: int, n_gold: int) -> OperatingPoint:
    precision = n_hits / n_chosen if n_chosen else 0.0  # nothing predicted is nothing right
    recall = n_hits / n_gold if n_gold else 0.0
    total = n_chosen + n_gold
    return OperatingPoint(threshold, precision, recall, 2 * n_hits / total if total else 0.0)
