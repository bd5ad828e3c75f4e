"""What is said about annotations that cannot be learned as they are: one warning each, behind the loop."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from tagger.spans._segments import without_a_segment
from tagger.spans._types import LabelledRange

__all__ = ["warn_of_cut_spans", "warn_of_left_out", "warn_of_overlaps"]

Located = tuple[int, int, int, str]
"""Number of the text, start, end, label."""

_SHOWN = 3
_CALLER = 5  # frames from `warnings.warn` up to who called `SpanTagger.fit`


def warn_of_left_out(left: Sequence[Located], n_spans: int) -> None:
    """Name the spans that no layer could take."""
    if left:
        _warn(
            f"{len(left)} of {n_spans} annotated spans overlap another in every layer of their label and are not "
            f"learned: {_some(left)}; correct them, or give their label a layer more"
        )


def warn_of_overlaps(annotations: Sequence[Sequence[LabelledRange]], layers: list[list[str]]) -> None:
    """Name the spans that made more than one layer necessary where the user did not ask for any."""
    over = [(i, *span) for i, spans in enumerate(annotations) for span in _overlapping(spans)]
    _warn(
        f"{len(over)} annotated spans overlap an earlier one: {_some(over)}; so there are {len(layers)} layers, each "
        f"with weights of its own: {layers}; if the overlaps are meant, say layers='auto', or else correct them"
    )


def warn_of_cut_spans(texts: Sequence[str], annotations: Sequence[Sequence[LabelledRange]]) -> None:
    """Name the spans that prediction, which takes a sentence at a time, can never find whole."""
    cut = [
        (i, *span)
        for i, (text, spans) in enumerate(zip(texts, annotations, strict=True))
        for span in without_a_segment(text, spans)
    ]
    if cut:
        _warn(
            f"{len(cut)} of {sum(map(len, annotations))} annotated spans hold the end of a sentence, or are longer "
            f"than one may be, and are learned but never found whole: {_some(cut)}; end them with their sentence"
        )


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=_CALLER)


def _some(spans: Sequence[Located]) -> str:
    shown = ", ".join(f"text {i} [{start}, {end}) {label}" for i, start, end, label in spans[:_SHOWN])
    return shown + (", …" if len(spans) > _SHOWN else "")


def _overlapping(spans: Sequence[LabelledRange]) -> list[LabelledRange]:
    """List the spans that begin before an earlier one ends."""
    found, reached = [], 0
    for span in spans:
        if span[0] < reached:
            found.append(span)
        reached = max(reached, span[1])
    return found
