"""What one can ask a fitted tagger about one sentence: its readings, a span's probability, the reasons for a span."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from tagger._typing import F64Array, I32Array, I64Array, U64Array
from tagger.crf.scheme import tags_to_spans
from tagger.features.templates import Streams
from tagger.spans._annotations import reading_order
from tagger.spans._calibration import Calibration
from tagger.spans._explanation import Explanation, Reason
from tagger.spans._features import Features
from tagger.spans._fitted import Layer
from tagger.spans._segments import segment_ends
from tagger.spans._types import LabelledRange, Reading
from tagger.types import Span

__all__ = ["Sentence", "confidences", "explain", "readings", "sentence_of", "sentences"]


class Sentence(NamedTuple):
    """One segment of a text, with its keys.

    Attributes
    ----------
    text : str
        The whole text.
    boundaries, streams
        Of the whole text.
    first, last : int
        Where the segment stands in it.
    keys : ndarray of uint64, shape (last - first, n_templates)
    """

    text: str
    boundaries: I32Array
    streams: Streams
    first: int
    last: int
    keys: U64Array


def sentences(text: str, features: Features) -> Iterator[Sentence]:
    """Yield every segment of a text."""
    if text:
        boundaries = features.boundaries(text)
        streams = features.streams([text], [boundaries])
        for first, last in pairwise([0, *segment_ends(text, boundaries)]):
            yield Sentence(text, boundaries, streams, first, last, features.keys(streams, first, last))


def sentence_of(text: str, features: Features, start: int, end: int) -> Sentence | None:
    """Return the segment that holds a whole range, if one does."""
    boundaries = features.boundaries(text)
    for first, last in pairwise([0, *segment_ends(text, boundaries)]):
        if first <= start and end <= last:
            streams = features.streams([text], [boundaries])
            return Sentence(text, boundaries, streams, first, last, features.keys(streams, first, last))
    return None


def confidences(
    sentence: Sentence, layers: Sequence[Layer], calibration: Calibration, spans: Iterable[LabelledRange]
) -> dict[LabelledRange, float]:
    """Return the confidence of each span: of two layers that know its label, that of the one more sure."""
    wanted = list(spans)
    found = dict.fromkeys(wanted, 0.0)
    for layer in layers:
        mine = [span for span in wanted if span[2] in layer.labels]
        if mine:
            ranges = np.array([span[:2] for span in mine], np.int32) - np.int32(sentence.first)
            labels = np.array([layer.labels.index(label) for _, _, label in mine], np.int64)
            p = layer.crf.span_probabilities(layer.crf.emissions(sentence.keys), ranges, labels)
            for span, confidence in zip(mine, calibration.confidence(p).tolist(), strict=True):
                found[span] = max(found[span], confidence)
    return found


def readings(sentence: Sentence, layers: Sequence[Layer], calibration: Calibration, n: int) -> list[Reading]:
    """Return the `n` most probable readings of a sentence, best first; layers are read independently."""
    best: list[tuple[frozenset[LabelledRange], float]] = [(frozenset(), 1.0)]
    for layer in layers:
        options = product(best, _layer_readings(sentence, layer, n))
        joint: dict[frozenset[LabelledRange], float] = {}
        for (spans, p), (more, q) in options:  # two layers may say the same in different ways
            joint[spans | more] = joint.get(spans | more, 0.0) + p * q
        best = heapq.nlargest(n, joint.items(), key=lambda item: item[1])
    known = confidences(sentence, layers, calibration, {span for spans, _ in best for span in spans})
    return [
        Reading(
            sentence.first,
            sentence.last,
            tuple(Span(a, b, label, sentence.text[a:b], known[a, b, label]) for a, b, label in reading_order(spans)),
            p,
        )
        for spans, p in best
    ]


def _layer_readings(sentence: Sentence, layer: Layer, n: int) -> list[tuple[frozenset[LabelledRange], float]]:
    paths, log_probabilities = layer.crf.nbest(layer.crf.emissions(sentence.keys), n)
    found = []
    for path, p in zip(paths, np.exp(log_probabilities).tolist(), strict=True):
        spans = tags_to_spans([layer.crf.tags_[tag] for tag in path])
        found.append((frozenset((a + sentence.first, b + sentence.first, label) for a, b, label in spans), p))
    return found


def explain(sentence: Sentence, layer: Layer, features: Features, span: LabelledRange) -> Explanation:
    """Split the score of a span, on the best path that has it, over what the templates saw in its characters."""
    start, end, label = span
    first, last = start - sentence.first, end - sentence.first
    path = _best_path_with(layer, layer.crf.emissions(sentence.keys), first, last, label)
    other = path.copy()
    other[first:last] = 0  # "O"
    difference = layer.crf.explain_tokens(sentence.keys, first, last, path, other)
    reasons = [
        Reason(
            features.templates[template],
            features.seen(sentence.text, sentence.boundaries, sentence.streams, template, start + i),
            start + i,
            float(difference.attributes[i, template]),
        )
        for i, template in _by_size(difference.attributes)
    ]
    return Explanation(
        start,
        end,
        label,
        sentence.text[start:end],
        float(difference.attributes.sum() + difference.transitions.sum()),
        float(difference.transitions.sum()),
        tuple(reasons),
    )


def _best_path_with(layer: Layer, scores: F64Array, first: int, last: int, label: str) -> I64Array:
    """Find the best path on which this range is a span with this label."""
    begin = 4 * layer.labels.index(label) + 1  # `bioes_tags` gives "O", then B, I, E, S of each label
    forced = np.full(last - first, begin + 1)
    forced[0], forced[-1] = begin, begin + 2
    if last - first == 1:
        forced[0] = begin + 3
    gated = scores.copy()
    gated[first:last] = -np.inf
    rows = np.arange(first, last)
    gated[rows, forced] = scores[rows, forced]
    return layer.crf.viterbi(gated)


def _by_size(contributions: F64Array) -> list[tuple[int, int]]:
    """List where contributions are not zero, from the largest to the smallest, either sign."""
    rows, columns = np.nonzero(contributions)
    order = np.argsort(-np.abs(contributions[rows, columns]), kind="stable")
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))
