"""Labelled spans of a text: people, offices, places, documents and whatever else was annotated."""

from tagger.spans._calibration import Bin, Calibration, Reliability
from tagger.spans._explanation import Explanation, Reason
from tagger.spans._thresholds import Judgement, OperatingPoint
from tagger.spans._types import LabelledRange, Reading, TaggedRanges
from tagger.spans.span_tagger import SpanTagger

__all__ = [
    "Bin",
    "Calibration",
    "Explanation",
    "Judgement",
    "LabelledRange",
    "OperatingPoint",
    "Reading",
    "Reason",
    "Reliability",
    "SpanTagger",
    "TaggedRanges",
]
