"""Spans of a text by linear-chain CRFs over its characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Literal, Self

import numpy as np

from tagger._typing import F64Array, I32Array, I64Array
from tagger.crf.linear_chain import LinearChainCRF, Segments
from tagger.crf.scheme import bioes_tags
from tagger.errors import ConfigurationError, InputError
from tagger.features.lexicon import Lexicon
from tagger.spans._annotations import check_texts, checked_spans
from tagger.spans._calibration import Calibration
from tagger.spans._features import Features, groups, keyed_batches
from tagger.spans._held_out import _HeldOut
from tagger.spans._inspection import _Inspection
from tagger.spans._layers import (
    assign,
    assign_all,
    choose_layers,
    extend_layers,
    given_layers,
)
from tagger.spans._training import gold_tags, pack
from tagger.spans._types import LabelledRange, TaggedRanges
from tagger.spans._warnings import warn_of_cut_spans, warn_of_left_out, warn_of_overlaps
from tagger.text.segmenter import Segmenter
from tagger.types import Span

__all__ = ["SpanTagger"]

Annotated = tuple[Sequence[str], Sequence[Sequence[LabelledRange]]]
"""Texts, and the spans of each."""

Progress = Callable[[int, float], None]

_EPSILON = 1e-9  # the CRF takes thresholds between 0 and 1


class SpanTagger(_HeldOut, _Inspection):
    """Find labelled spans in texts, with the probability of each.

    Every character is a token of a :class:`~tagger.crf.linear_chain.LinearChainCRF` over BIOES tags, one sequence a
    sentence (at most 1,000 characters of it); templates over characters and jieba words say what it looks at. Since
    characters are tagged, an annotation that does not meet word boundaries is learned like any other; one that holds
    the end of a sentence is learned, but never found whole.

    Labels whose spans overlap or nest are tagged in *layers*: a CRF each, over the same attributes. Within a layer
    spans are flat.

    Parameters
    ----------
    layers : None, "auto" or sequence of sequence of str
        Labels of each layer. "auto" makes as few as the training spans need (a label that nests in itself gets a second
        layer for the inner spans, up to four); None does the same and warns if that is more than one. Where layers are
        written down, spans that find no place in them are left out of training, with a warning.
    threshold : float in (0, 1), optional
        Least confidence of a predicted span; a lower one finds more. By default the spans are those of the most
        probable tagging.
    templates : sequence of str, optional
        See :mod:`tagger.features.templates`; by default ``DEFAULT_TEMPLATES``, and ``LEXICON_TEMPLATES`` as well
        where there is a lexicon.
    lexicon : Lexicon, optional
        What kind of word a word is, for the templates that ask for it.
    segmenter : Segmenter, optional
        Where the words come from; by default the jieba dictionary alone.
    max_iter, learning_rate, dropout, min_count, prune, patience, random_state
        As for :class:`~tagger.crf.linear_chain.LinearChainCRF`.

    Attributes
    ----------
    labels_ : list of str
        Span labels, sorted.
    layers_ : list of list of str
        Labels of each layer, sorted.
    crfs_ : list of LinearChainCRF
        One a layer.
    threshold_ : float or None
        The threshold that holds; may be set.
    calibration_ : Calibration
        From probability to confidence.

    Examples
    --------
    >>> texts = ["鹿泷县委召开会议。", "砚川县委发布通知。"] * 10
    >>> spans = [[(0, 4, "ORG")], [(0, 4, "ORG")]] * 10
    >>> tagger = SpanTagger(max_iter=20).fit(texts, spans)
    >>> [(s.start, s.end, s.label, s.text) for s in tagger.predict(["鹿泷县委召开会议。"])[0]]
    [(0, 4, 'ORG', '鹿泷县委')]
    """

    def __init__(
        self,
        *,
        layers: Sequence[Sequence[str]] | Literal["auto"] | None = None,
        threshold: float | None = None,
        templates: Sequence[str] | None = None,
        lexicon: Lexicon | None = None,
        segmenter: Segmenter | None = None,
        max_iter: int = 8,
        learning_rate: float = 0.05,
        dropout: float = 0.4,
        min_count: int = 1,
        prune: float = 0.03,
        patience: int = 2,
        random_state: int = 0,
    ) -> None:
        self.layers = layers
        self.threshold = threshold
        self.templates = templates
        self.lexicon = lexicon
        self.segmenter = segmenter
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.min_count = min_count
        self.prune = prune
        self.patience = patience
        self.random_state = random_state

    # -- learning --------------------------------------------------------------------------------------------------

    def fit(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[LabelledRange]],
        *,
        validation: Annotated | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from annotated texts.

        Parameters
        ----------
        texts : sequence of str
        spans : sequence of sequence of (int, int, str)
            Start, end and label of the spans of each text, in any order; identical ones count once.
        validation : (texts, spans), optional
            Annotated texts that are not learned from: training stops when it no longer gains on them; then confidences
            are calibrated and, if `threshold` is None, the threshold of the highest F1 is set (both only if they hold a
            span).
        progress : callable, optional
            Called with the number of each finished pass and its loss, layer by layer.

        Raises
        ------
        InputError
            If texts and spans differ in number, a text is not a str, or no text holds a character.
        AnnotationError
            If spans are empty, reach outside their text or have no label; the message names text, range and label.
        ConfigurationError
            If a parameter is out of its range.

        Warns
        -----
        UserWarning
            If spans overlap where `layers` is None, find no place in the layers, or hold the end of a sentence.
        """
        annotations = checked_spans(texts, spans)
        held_out = (validation[0], checked_spans(*validation)) if validation is not None else None
        self._check_threshold()
        features = Features(self.templates, self.lexicon, self.segmenter)
        layers = self._choose_layers(annotations)
        self._learn(texts, annotations, layers, [self._new_crf() for _ in layers], features, held_out, progress)
        self.threshold_ = self.threshold
        self.calibration_ = Calibration()
        if held_out is not None:
            self.adjust(self.judge(*held_out))
        return self

    def partial_fit(
        self, texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]], *, progress: Progress | None = None
    ) -> Self:
        """Learn on from what was learned before; on a tagger that is not fitted, the same as :meth:`fit`.

        Training passes over the new texts alone: what they contradict is forgotten, so mix in old ones that matter.
        New labels join a layer whose spans they do not overlap, or get one of their own. Threshold and calibration
        stay: choose them again on held-out texts.

        Parameters
        ----------
        texts, spans, progress
            As for :meth:`fit`. All labels must be annotated in the new texts, those learned before too.

        Raises
        ------
        InputError, AnnotationError, ConfigurationError
            As for :meth:`fit`; the tagger is then as it was.

        Examples
        --------
        >>> tagger = SpanTagger(max_iter=20).fit(["鹿泷县召开会议。"] * 8, [[(0, 3, "PLACE")]] * 8)
        >>> tagger = tagger.partial_fit(["鹿泷县唐维桢。"] * 8, [[(0, 3, "PLACE"), (3, 6, "PERSON")]] * 8)
        >>> tagger.labels_, [s.text for s in tagger.predict(["鹿泷县唐维桢。"])[0]]
        (['PERSON', 'PLACE'], ['鹿泷县', '唐维桢'])
        """
        if not hasattr(self, "crfs_"):
            return self.fit(texts, spans, progress=progress)
        annotations = checked_spans(texts, spans)
        layers = self._choose_layers(annotations, self.layers_)
        fresh = [self._new_crf() for _ in layers[len(self.crfs_) :]]
        self._learn(texts, annotations, layers, [*map(copy, self.crfs_), *fresh], self._features, None, progress)
        return self

    # -- prediction ------------------------------------------------------------------------------------------------

    def predict(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text, each with its confidence, by start, longer ones first.

        Spans of one layer never overlap.
        """
        self._check_fitted("crfs_")
        check_texts(texts)
        results: list[list[Span]] = []
        for group in groups(texts):
            some = texts[group]
            tagged = self._tag(some, [self._features.boundaries(text) for text in some])
            results += self._spans_of(some, tagged)
        return results

    def tag(self, text: str, boundaries: I32Array) -> TaggedRanges:
        """Tag one text whose word boundaries are known already.

        Parameters
        ----------
        text : str
        boundaries : ndarray of int32, shape (n_words + 1,)
            From a :class:`~tagger.text.segmenter.Segmenter` with the parameters of this tagger's.
        """
        self._check_fitted("crfs_")
        return self._tag([text], [boundaries])

    # -- storing ---------------------------------------------------------------------------------------------------

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return parameters and labels as plain data, and the learned arrays, for a store to keep."""
        self._check_fitted("crfs_")
        metas, arrays = zip(*(crf.to_state() for crf in self.crfs_), strict=True)
        meta: dict[str, Any] = {"labels": self.labels_, "templates": list(self._features.templates), "crf": metas[0]}
        if len(self.crfs_) > 1:
            meta["layers"] = [{"labels": labels, "crf": crf} for labels, crf in zip(self.layers_, metas, strict=True)]
            del meta["crf"]
        if self.threshold_ is not None:
            meta["threshold"] = self.threshold_
        if self.calibration_ != Calibration():
            meta["calibration"] = list(self.calibration_)
        prefixes = ("", *(f"layer{i}." for i in range(1, len(arrays))))
        return meta, {p + name: a for p, own in zip(prefixes, arrays, strict=True) for name, a in own.items()}

    @classmethod
    def from_state(
        cls,
        meta: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        *,
        segmenter: Segmenter | None = None,
        lexicon: Lexicon | None = None,
    ) -> Self:
        """Build the tagger again from what :meth:`to_state` gave, and the segmenter and lexicon it was fitted with.

        Raises
        ------
        InputError
            If the parts do not fit each other.
        """
        layers = meta.get("layers") or [{"labels": meta["labels"], "crf": meta["crf"]}]
        parameters = {k: v for k, v in layers[0]["crf"]["parameters"].items() if k in cls._parameter_names()}
        tagger = cls(
            layers="auto" if len(layers) > 1 else None,
            threshold=meta.get("threshold"),
            templates=tuple(meta["templates"]),
            lexicon=lexicon,
            segmenter=segmenter,
            **parameters,
        )
        tagger._check_threshold()
        tagger.labels_ = list(meta["labels"])
        tagger.layers_ = [list(layer["labels"]) for layer in layers]
        tagger.crfs_ = [LinearChainCRF.from_state(layer["crf"], _of_layer(i, arrays)) for i, layer in enumerate(layers)]
        tagger.threshold_ = tagger.threshold
        tagger.calibration_ = Calibration(*map(float, meta.get("calibration", ())))
        tagger._features = Features(tagger.templates, lexicon, tagger.segmenter)
        tagger._check_parts()
        return tagger

    # -- inside ----------------------------------------------------------------------------------------------------

    def _new_crf(self) -> LinearChainCRF:
        names = LinearChainCRF._parameter_names()
        return LinearChainCRF(**{name: getattr(self, name) for name in names if hasattr(self, name)})

    def _choose_layers(
        self, annotations: Sequence[Sequence[LabelledRange]], known: list[list[str]] | None = None
    ) -> list[list[str]]:
        if self.layers is not None and not (isinstance(self.layers, str) and self.layers == "auto"):
            layers = given_layers(self.layers, {label for spans in annotations for _, _, label in spans})
            if known is not None and len(known) != len(layers):
                raise ConfigurationError(f"layers={self.layers!r}: the fitted tagger has {len(known)}; fit it again")
            return layers
        layers = choose_layers(annotations) if known is None else extend_layers(annotations, known)
        if self.layers is None and len(layers) > len(known or [[]]):
            warn_of_overlaps(annotations, layers)
        return layers

    def _learn(
        self,
        texts: Sequence[str],
        annotations: Sequence[Sequence[LabelledRange]],
        layers: list[list[str]],
        crfs: list[LinearChainCRF],
        features: Features,
        held_out: tuple[Sequence[str], list[list[LabelledRange]]] | None,
        progress: Progress | None,
    ) -> None:
        """Train the CRF of every layer on; nothing of the tagger changes before all have succeeded."""
        placed, left = assign_all(annotations, layers)
        warn_of_left_out(left, sum(map(len, annotations)))
        warn_of_cut_spans(texts, annotations)
        packed = pack(texts, annotations, features)
        judged = pack(*held_out, features) if held_out is not None and any(held_out[0]) else None
        for i, (labels, crf, spans) in enumerate(zip(layers, crfs, placed, strict=True)):
            validation = None
            if judged is not None and held_out is not None:
                gold = gold_tags(judged, [assign(found, layers)[0][i] for found in held_out[1]], labels)
                validation = (judged.keys, judged.offsets, gold)
            train = crf.partial_fit_arrays if hasattr(crf, "tags_") else crf.fit_arrays
            gold = gold_tags(packed, spans, labels)
            train(packed.keys, packed.offsets, gold, bioes_tags(labels), validation=validation, progress=progress)
        self.layers_, self.crfs_, self._features = layers, crfs, features
        self.labels_ = sorted({label for labels in layers for label in labels})

    def _tag(self, texts: Sequence[str], boundaries: Sequence[I32Array]) -> TaggedRanges:
        """Tag texts as if they stood behind each other."""
        if not any(texts):
            return TaggedRanges(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0))
        threshold = self._least_probability()
        found: list[list[Segments]] = [[] for _ in self.crfs_]
        for offsets, keys in keyed_batches(texts, self._features, boundaries):
            for crf, parts in zip(self.crfs_, found, strict=True):
                parts.append(crf.decode_segments(crf.emissions(keys), offsets, threshold=threshold))
        return self._merged(found)

    def _spans_of(self, texts: Sequence[str], tagged: TaggedRanges) -> Iterator[list[Span]]:
        """Yield the spans of each text out of those of all."""
        rows = list(zip(*(column.tolist() for column in tagged), strict=True))
        starts = np.cumsum([0, *map(len, texts)])
        cuts = np.searchsorted(tagged.starts, starts).tolist()
        for text, origin, first, last in zip(texts, starts.tolist(), cuts, cuts[1:], strict=False):
            yield [
                Span(start - origin, end - origin, self.labels_[label], text[start - origin : end - origin], confidence)
                for start, end, label, confidence in rows[first:last]
            ]

    def _least_probability(self) -> float | None:
        if self.threshold_ is None:
            return None
        return min(max(self.calibration_.probability(self.threshold_), _EPSILON), 1 - _EPSILON)

    def _merged(self, found: list[list[Segments]]) -> TaggedRanges:
        """Put the layers' segments together: a span that several found is given once, with the highest confidence."""
        layers = [
            self._tagged(labels, *map(np.concatenate, zip(*parts, strict=True)))
            for labels, parts in zip(self.layers_, found, strict=True)
        ]
        if len(layers) == 1:
            return layers[0]
        starts, ends, labels, confidences = map(np.concatenate, zip(*layers, strict=True))
        order = np.lexsort((-confidences, labels, -ends, starts))
        rows = np.stack([starts, ends, labels])[:, order]
        first = np.ones(len(order), bool)
        first[1:] = np.any(rows[:, 1:] != rows[:, :-1], axis=0)
        kept = order[first]
        return TaggedRanges(starts[kept], ends[kept], labels[kept], confidences[kept])

    def _tagged(self, labels: list[str], ranges: I32Array, tags: I64Array, probabilities: F64Array) -> TaggedRanges:
        own = (tags - 1) // 4  # `bioes_tags` gives "O", then four tags a label
        if labels != self.labels_:
            own = np.array([self.labels_.index(label) for label in labels], np.int64)[own]
        return TaggedRanges(ranges[:, 0], ranges[:, 1], own, self.calibration_.confidence(probabilities))

    def _check_threshold(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ConfigurationError(f"threshold={self.threshold!r}: expected a confidence between 0 and 1, or None")

    def _check_parts(self) -> None:
        if not self.calibration_.a > 0 or not np.isfinite(self.calibration_).all():
            raise InputError(f"calibration {list(self.calibration_)}: expected finite numbers, the first above 0")
        for labels, crf in zip(self.layers_, self.crfs_, strict=True):
            if crf.tags_ != bioes_tags(labels):
                raise InputError(
                    "the tags of the CRF are not those of the span labels: the model was put together wrongly"
                )
        if self.labels_ != sorted({label for labels in self.layers_ for label in labels}):
            raise InputError("the labels of the layers are not those of the tagger: the model was put together wrongly")


def _of_layer(i: int, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Return the arrays of one layer; those of the first have plain names."""
    if i == 0:
        return arrays
    prefix = f"layer{i}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
