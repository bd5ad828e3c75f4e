"""Spans to tags and back: the BIOES scheme, and which tag may follow which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tagger._typing import BoolArray
from tagger.errors import AnnotationError

__all__ = ["bioes_tags", "legal_transitions", "spans_to_tags", "tags_to_spans"]

OUTSIDE = "O"


def bioes_tags(labels: Iterable[str]) -> list[str]:
    """List all tags for span labels: ``O`` first, then B, I, E and S of each label in the given order.

    Examples
    --------
    >>> bioes_tags(["ORG"])
    ['O', 'B-ORG', 'I-ORG', 'E-ORG', 'S-ORG']
    """
    return [OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BIES")]


def legal_transitions(tags: Sequence[str]) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Tell which tags may open a sequence, follow each other and close it.

    Tags with no BIOES prefix (labels of whole lines, say) may stand anywhere.

    Returns
    -------
    start, end : ndarray of bool, shape (n_tags,)
    transitions : ndarray of bool, shape (n_tags, n_tags)
        ``transitions[i, j]`` is whether tag ``j`` may follow tag ``i``.

    Examples
    --------
    >>> start, transitions, end = legal_transitions(bioes_tags(["ORG"]))
    >>> start.astype(int).tolist(), end.astype(int).tolist()
    ([1, 1, 0, 0, 1], [1, 0, 0, 1, 1])
    """
    prefixes, labels = zip(*(_split(tag) for tag in tags), strict=True)
    opens = np.array([p in "OBS" for p in prefixes])  # may stand where no span is open
    closes = np.array([p in "OES" for p in prefixes])  # leaves no span open
    same = np.array([[a == b for b in labels] for a in labels])
    inside = same & ~closes[:, None] & ~opens[None, :]
    return opens, (closes[:, None] & opens[None, :]) | inside, closes


def spans_to_tags(spans: Iterable[tuple[int, int, str]], n_tokens: int) -> list[str]:
    """Write spans that do not overlap as one tag a token.

    Raises
    ------
    AnnotationError
        If a span is empty, reaches outside, or overlaps another; the message gives the range and the label.

    Examples
    --------
    >>> spans_to_tags([(0, 2, "PLACE"), (3, 4, "ORG")], 5)
    ['B-PLACE', 'E-PLACE', 'O', 'S-ORG', 'O']
    """
    tags = [OUTSIDE] * n_tokens
    for start, end, label in spans:
        if not 0 <= start < end <= n_tokens:
            raise AnnotationError(f"span [{start}, {end}) {label}: empty, or outside the {n_tokens} tokens of its text")
        if any(tag != OUTSIDE for tag in tags[start:end]):
            raise AnnotationError(f"span [{start}, {end}) {label} overlaps another: flat spans were expected")
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start] = f"B-{label}"
        tags[end - 1] = f"E-{label}" if end - start > 1 else f"S-{label}"
    return tags


def tags_to_spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Read the spans off a legal tag sequence, in order.

    Examples
    --------
    >>> tags_to_spans(['B-PLACE', 'E-PLACE', 'O', 'S-ORG', 'O'])
    [(0, 2, 'PLACE'), (3, 4, 'ORG')]
    """
    spans = []
    start = 0
    for i, tag in enumerate(tags):
        prefix, label = _split(tag)
        if prefix in "BS":
            start = i
        if prefix in "ES":
            spans.append((start, i + 1, label))
    return spans


def _split(tag: str) -> tuple[str, str]:
    prefix, dash, label = tag.partition("-")
    return (prefix, label) if dash and prefix in ("B", "I", "E", "S") else (OUTSIDE, tag)
