"""Annotated texts as the packed arrays that a CRF learns from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tagger._typing import I64Array, U64Array
from tagger.errors import InputError
from tagger.spans._features import Features
from tagger.spans._segments import segment_ends
from tagger.spans._types import LabelledRange

__all__ = ["Packed", "gold_tags", "pack"]


class Packed(NamedTuple):
    """Texts put behind each other; the same arrays serve every layer.

    Attributes
    ----------
    keys : ndarray of uint64, shape (n_chars, n_templates)
    offsets : ndarray of int64, shape (n_segments + 1,)
    starts : list of int
        Where each text begins.
    """

    keys: U64Array
    offsets: I64Array
    starts: list[int]


def pack(texts: Sequence[str], annotations: Sequence[Sequence[LabelledRange]], features: Features) -> Packed:
    """Compute the keys of all characters and where the segments end; no segment ends within a span.

    Raises
    ------
    InputError
        If no text holds a character.
    """
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.cumsum(lengths) - lengths
    if not lengths.sum():
        raise InputError("no text to learn from: give at least one that is not empty")
    keys = np.empty((int(lengths.sum()), len(features.templates)), np.uint64)
    offsets = [np.zeros(1, np.int64)]
    for text, spans, start in zip(texts, annotations, starts.tolist(), strict=True):
        if text:
            boundaries = features.boundaries(text)
            keys[start : start + len(text)] = features.keys(features.streams([text], [boundaries]), 0, len(text))
            offsets.append(np.array(segment_ends(text, boundaries, spans), np.int64) + start)
    return Packed(keys, np.concatenate(offsets), starts.tolist())


def gold_tags(packed: Packed, spans: Sequence[Sequence[LabelledRange]], labels: Sequence[str]) -> I64Array:
    """Return the index of each character's tag among ``bioes_tags(labels)``: shape (n_chars,).

    Parameters
    ----------
    packed : Packed
    spans : sequence of sequence of LabelledRange
        Flat spans of each text.
    labels : sequence of str
        Spans of other labels are passed over.
    """
    gold = np.zeros(len(packed.keys), np.int64)
    first = {label: 4 * i + 1 for i, label in enumerate(labels)}  # `bioes_tags` gives "O", then B, I, E, S of each
    for origin, found in zip(packed.starts, spans, strict=True):
        for start, end, label in found:
            if label in first:
                tags = gold[origin + start : origin + end]
                tags[:] = first[label] + 1
                tags[0] = first[label] if end - start > 1 else first[label] + 3
                tags[-1] += end - start > 1
    return gold
