"""Spans of a text by a linear-chain CRF over its characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np

from tagger._estimator import Estimator
from tagger._typing import F64Array, I32Array, I64Array, U64Array
from tagger.crf.linear_chain import LinearChainCRF
from tagger.crf.scheme import bioes_tags, spans_to_tags
from tagger.errors import AnnotationError, ConfigurationError, InputError
from tagger.features.lexicon import WordClusters
from tagger.features.templates import (
    DEFAULT_TEMPLATES,
    LEXICON_STREAMS,
    LEXICON_TEMPLATES,
    Streams,
    compile_templates,
    template_keys,
    text_streams,
)
from tagger.text.segmenter import Segmenter
from tagger.text.sentences import sentence_ends
from tagger.types import Span

__all__ = ["LabelledRange", "SpanTagger", "TaggedRanges"]

LabelledRange = tuple[int, int, str]
"""Start, end (exclusive) and label of an annotated span, in characters of its text."""

_BATCH = 16_384  # characters whose features are in memory at once: a few megabytes, whatever the text's length


class TaggedRanges(NamedTuple):
    """Predicted spans of one text as arrays, each of shape (n_spans,), in order of their start."""

    starts: I32Array
    ends: I32Array
    labels: I64Array
    confidences: F64Array


class SpanTagger(Estimator):
    """Find labelled spans in texts, with the probability of each.

    Every character is a token of a :class:`~tagger.crf.linear_chain.LinearChainCRF` over BIOES tags, one sequence a
    sentence; templates over characters and jieba words say what it looks at. Since characters are tagged, an
    annotation that does not meet word boundaries is learned like any other.

    Parameters
    ----------
    templates : sequence of str, optional
        See :mod:`tagger.features.templates`; by default ``DEFAULT_TEMPLATES``, and ``LEXICON_TEMPLATES`` as well
        where there is a lexicon.
    lexicon : WordClusters, optional
        What kind of word a word is, for the templates that ask for it.
    segmenter : Segmenter, optional
        Where the words come from; by default the jieba dictionary alone.
    max_iter, learning_rate, dropout, min_count, prune, random_state
        As for :class:`~tagger.crf.linear_chain.LinearChainCRF`.

    Attributes
    ----------
    labels_ : list of str
        Span labels, sorted.
    crf_ : LinearChainCRF

    Examples
    --------
    >>> texts = ["鹿泷县委召开会议。", "砚川县委发布通知。"] * 10
    >>> spans = [[(0, 4, "ORG")], [(0, 4, "ORG")]] * 10
    >>> tagger = SpanTagger(max_iter=20).fit(texts, spans)
    >>> [(s.start, s.end, s.label, s.text) for s in tagger.predict(["鹿泷县委召开会议。"])[0]]
    [(0, 4, 'ORG', '鹿泷县委')]
    """

    labels_: list[str]
    crf_: LinearChainCRF

    def __init__(
        self,
        *,
        templates: Sequence[str] | None = None,
        lexicon: WordClusters | None = None,
        segmenter: Segmenter | None = None,
        max_iter: int = 8,
        learning_rate: float = 0.2,
        dropout: float = 0.5,
        min_count: int = 1,
        prune: float = 0.03,
        random_state: int = 0,
    ) -> None:
        self.templates = templates
        self.lexicon = lexicon
        self.segmenter = segmenter
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.min_count = min_count
        self.prune = prune
        self.random_state = random_state

    def fit(
        self,
        texts: Sequence[str],
        spans: Sequence[Sequence[LabelledRange]],
        *,
        progress: Callable[[int, float], None] | None = None,
    ) -> Self:
        """Learn from annotated texts.

        Parameters
        ----------
        texts : sequence of str
        spans : sequence of sequence of (int, int, str)
            Start, end and label of the spans of each text; flat (no overlaps), in any order.
        progress : callable, optional
            Called with the number of each finished pass and its loss.

        Raises
        ------
        InputError
            If texts and spans differ in number, a text is not a str, or no text holds a character.
        AnnotationError
            If spans overlap or reach outside their text; the message names the text, range and label.
        """
        _check_texts(texts)
        if len(texts) != len(spans):
            raise InputError(f"{len(texts)} texts but {len(spans)} lists of spans: give one list a text")
        self.labels_ = sorted({label for found in spans for _, _, label in found})
        self._compile()
        tags = bioes_tags(self.labels_)
        index = {tag: i for i, tag in enumerate(tags)}
        keys, gold, ends = [], [], [np.zeros(1, np.int64)]
        n_chars = 0
        for i, (text, found) in enumerate(zip(texts, spans, strict=True)):
            named = _text_tags(i, text, found)
            if text:
                keys.append(self._keys(self._streams(text, self._segmenter.boundaries(text)), 0, len(text)))
                gold.append(np.array([index[tag] for tag in named], np.int64))
                cuts = sentence_ends(text, protected=((start, end) for start, end, _ in found))
                ends.append(np.array(cuts, np.int64) + n_chars)
                n_chars += len(text)
        if not keys:
            raise InputError("no text to learn from: give at least one that is not empty")
        self.crf_ = self._new_crf().fit_arrays(
            np.concatenate(keys), np.concatenate(ends), np.concatenate(gold), tags, progress=progress
        )
        return self

    def predict(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text, in order, flat, each with its probability."""
        self._check_fitted("crf_")
        _check_texts(texts)
        results = []
        for text in texts:
            tagged = self.tag(text, self._segmenter.boundaries(text))
            results.append(
                [
                    Span(int(start), int(end), self.labels_[label], text[start:end], float(confidence))
                    for start, end, label, confidence in zip(*tagged, strict=True)
                ]
            )
        return results

    def score(self, texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]]) -> float:
        """Return strict micro-F1: a span counts when start, end and label are all right."""
        predicted = [{(s.start, s.end, s.label) for s in found} for found in self.predict(texts)]
        gold = [{tuple(span) for span in found} for found in spans]
        hits = sum(len(p & g) for p, g in zip(predicted, gold, strict=True))
        total = sum(map(len, predicted)) + sum(map(len, gold))
        return 2 * hits / total if total else 1.0

    def tag(self, text: str, boundaries: I32Array) -> TaggedRanges:
        """Tag one text whose word boundaries are known already.

        Parameters
        ----------
        text : str
        boundaries : ndarray of int32, shape (n_words + 1,)
            From a :class:`~tagger.text.segmenter.Segmenter` with the parameters of this tagger's.
        """
        self._check_fitted("crf_")
        if not text:
            return TaggedRanges(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0))
        streams = self._streams(text, boundaries)
        found: list[tuple[I32Array, I64Array, F64Array]] = []
        for offsets in _batches(sentence_ends(text)):
            scores = self.crf_.emissions(self._keys(streams, int(offsets[0]), int(offsets[-1])))
            found.append(self.crf_.decode_segments(scores, offsets))
        ranges, tags, confidences = (np.concatenate(parts) for parts in zip(*found, strict=True))
        # `bioes_tags` gives "O", then four tags a label.
        return TaggedRanges(ranges[:, 0], ranges[:, 1], (tags - 1) // 4, confidences)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return parameters and labels as plain data, and the learned arrays, for a store to keep."""
        self._check_fitted("crf_")
        crf_meta, arrays = self.crf_.to_state()
        return {"labels": self.labels_, "templates": list(self._templates), "crf": crf_meta}, arrays

    @classmethod
    def from_state(
        cls,
        meta: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        *,
        segmenter: Segmenter | None = None,
        lexicon: WordClusters | None = None,
    ) -> Self:
        """Build the tagger again from what :meth:`to_state` gave, and the segmenter and lexicon it was fitted with."""
        parameters = {k: v for k, v in meta["crf"]["parameters"].items() if k != "scheme"}
        tagger = cls(templates=tuple(meta["templates"]), lexicon=lexicon, segmenter=segmenter, **parameters)
        tagger.labels_ = list(meta["labels"])
        tagger.crf_ = LinearChainCRF.from_state(meta["crf"], arrays)
        if tagger.crf_.tags_ != bioes_tags(tagger.labels_):
            raise InputError("the tags of the CRF are not those of the span labels: the model was put together wrongly")
        tagger._compile()
        return tagger

    def _compile(self) -> None:
        default = DEFAULT_TEMPLATES + (LEXICON_TEMPLATES if self.lexicon is not None else ())
        self._templates = tuple(self.templates) if self.templates is not None else default
        self._atoms, self._template_ends = compile_templates(self._templates)
        if self.lexicon is None:
            asking = [t for t in self._templates if any(f"{stream}[" in t for stream in LEXICON_STREAMS)]
            if asking:
                raise ConfigurationError(f"template {asking[0]!r} asks for word clusters: give the tagger a lexicon")
        self._segmenter = self.segmenter if self.segmenter is not None else Segmenter()

    def _new_crf(self) -> LinearChainCRF:
        return LinearChainCRF(
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
            dropout=self.dropout,
            min_count=self.min_count,
            prune=self.prune,
            random_state=self.random_state,
        )

    def _streams(self, text: str, boundaries: I32Array) -> Streams:
        return text_streams(text, boundaries, self.lexicon)

    def _keys(self, streams: Streams, first: int, last: int) -> U64Array:
        keys: U64Array = template_keys(*streams, self._atoms, self._template_ends, first, last)
        return keys


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str):
        raise InputError("one str came where a sequence of texts was expected: write [text]")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {i} is {type(text).__name__}, expected str")


def _text_tags(i: int, text: str, spans: Sequence[LabelledRange]) -> list[str]:
    try:
        return spans_to_tags(spans, len(text))
    except AnnotationError as error:
        raise AnnotationError(f"text {i} ({text[:12]!r}…): {error}") from None


def _batches(ends: Sequence[int]) -> Iterator[I64Array]:
    """Group sentences into runs of about `_BATCH` characters; each run is its offsets, first start to last end."""
    offsets = [0]
    for start, end in pairwise([0, *ends]):
        if end - offsets[0] > _BATCH and start > offsets[0]:
            yield np.array(offsets, np.int64)
            offsets = [start]
        offsets.append(end)
    yield np.array(offsets, np.int64)
