"""What goes into the span tagger and what comes out of it."""

from __future__ import annotations

from typing import NamedTuple

from tagger._typing import F64Array, I32Array, I64Array
from tagger.types import Span

__all__ = ["LabelledRange", "Reading", "TaggedRanges"]

LabelledRange = tuple[int, int, str]
"""Start, end (exclusive) and label of an annotated span, in characters of its text."""


class TaggedRanges(NamedTuple):
    """Predicted spans of one text as arrays, each of shape (n_spans,), in order of their start, longer ones first."""

    starts: I32Array
    ends: I32Array
    labels: I64Array
    confidences: F64Array


class Reading(NamedTuple):
    """One way to read one sentence.

    Attributes
    ----------
    start, end : int
        Where the sentence stands in its text.
    spans : tuple of Span
        All spans of this reading, perhaps none; each with its own probability over all readings.
    probability : float
        Of the whole reading: that the spans of the sentence are exactly these.
    """

    start: int
    end: int
    spans: tuple[Span, ...]
    probability: float
