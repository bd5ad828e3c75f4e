"""Spans to tags and back: the BIOES scheme, and which tag may follow which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from tagger._typing import BoolArray, F64Array, I64Array
from tagger.errors import AnnotationError

__all__ = [
    "bioes_tags",
    "compact_order",
    "label_tags",
    "legal_transitions",
    "open_edges",
    "segment_borders",
    "spans_to_tags",
    "tags_to_spans",
]

OUTSIDE = "O"

Scheme = Literal["bioes", "free"]


def bioes_tags(labels: Iterable[str]) -> list[str]:
    """List all tags for span labels: ``O`` first, then B, I, E and S of each label in the given order.

    Examples
    --------
    >>> bioes_tags(["ORG"])
    ['O', 'B-ORG', 'I-ORG', 'E-ORG', 'S-ORG']
    """
    return [OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BIES")]


def label_tags(tags: Sequence[str]) -> tuple[list[str], I64Array]:
    """List the span labels that tags speak of, and where the tags of each stand.

    Returns
    -------
    labels : list of str
        In order of their first tag, so that those of ``bioes_tags(labels)`` are `labels`.
    positions : ndarray of int64, shape (n_labels, 4)
        Index of the B, I, E and S tag of each label; -1 where there is none.

    Examples
    --------
    >>> labels, positions = label_tags(["O", "S-机构", "B-地", "E-地"])
    >>> labels, positions.tolist()
    (['机构', '地'], [[-1, -1, -1, 1], [2, -1, 3, -1]])
    """
    found: dict[str, list[int]] = {}
    for i, tag in enumerate(tags):
        prefix, label = _split(tag)
        if prefix != OUTSIDE:
            found.setdefault(label, [-1] * 4)["BIES".index(prefix)] = i
    return list(found), np.array(list(found.values()), np.int64).reshape(-1, 4)


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


def compact_order(tags: Sequence[str]) -> I64Array:
    """Order tags so that those which may follow a closed segment come first, and then those which may end one.

    Decoding is a third faster with such rows of transitions: what lies behind their last allowed pair is not looked at.

    Returns
    -------
    order : ndarray of int64, shape (n_tags,)
        Index of the tag that stands at each place: those outside, then S, B, E and I.

    Examples
    --------
    >>> tags = bioes_tags(["地", "人"])
    >>> [tags[i] for i in compact_order(tags)]
    ['O', 'S-地', 'S-人', 'B-地', 'B-人', 'E-地', 'E-人', 'I-地', 'I-人']
    """
    kinds = ["OSBEI".index(_split(tag)[0]) for tag in tags]
    return np.argsort(np.array(kinds, np.int64), kind="stable")


def open_edges(tags: Sequence[str], scheme: Scheme) -> tuple[F64Array, F64Array, F64Array]:
    """Return transition, start and end scores before training: 0 where allowed, minus infinity where not."""
    n = len(tags)
    if scheme == "free":
        return np.zeros((n, n)), np.zeros(n), np.zeros(n)
    start, transitions, end = (np.where(legal, 0.0, -np.inf) for legal in legal_transitions(tags))
    return transitions, start, end


def segment_borders(tags: Sequence[str]) -> tuple[BoolArray, BoolArray]:
    """Tell the tags that open a segment (B, S) and that close one (E, S): two arrays of shape (n_tags,)."""
    opens, closes = (np.array([tag[:2] in kinds for tag in tags], bool) for kinds in (("B-", "S-"), ("E-", "S-")))
    return opens, closes


def _split(tag: str) -> tuple[str, str]:
    prefix, dash, label = tag.partition("-")
    return (prefix, label) if dash and prefix in ("B", "I", "E", "S") else (OUTSIDE, tag)
