"""Layers: how labels whose spans overlap or nest are shared out, so that within a layer all spans are flat.

One linear-chain CRF labels one layer; a character has one tag in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from tagger.errors import ConfigurationError
from tagger.spans._types import LabelledRange

__all__ = ["assign", "assign_all", "choose_layers", "extend_layers", "given_layers"]

Layers = list[list[str]]
_Node = tuple[str, int]  # a label, and how many spans of this label a span lies under

_DEEPEST = 4  # layers of one label: spans that nest deeper in themselves are annotation errors rather than language


def assign(spans: Sequence[LabelledRange], layers: Layers) -> tuple[list[list[LabelledRange]], list[LabelledRange]]:
    """Put each span in the first layer that has its label and where no other stands.

    Parameters
    ----------
    spans : sequence of LabelledRange
        In reading order, so that of two spans the outer one comes first.
    layers : list of list of str
        Labels of each layer.

    Returns
    -------
    placed : list of list of LabelledRange
        The spans of each layer, flat.
    left : list of LabelledRange
        Spans that fit nowhere.

    Examples
    --------
    >>> assign([(0, 4, "ORG"), (0, 2, "ORG"), (2, 3, "ORG")], [["ORG"], ["ORG"]])
    ([[(0, 4, 'ORG')], [(0, 2, 'ORG'), (2, 3, 'ORG')]], [])
    """
    placed: list[list[LabelledRange]] = [[] for _ in layers]
    left = []
    for span in spans:
        for labels, found in zip(layers, placed, strict=True):
            if span[2] in labels and (not found or found[-1][1] <= span[0]):
                found.append(span)
                break
        else:
            left.append(span)
    return placed, left


def choose_layers(annotations: Iterable[Sequence[LabelledRange]], existing: Layers | None = None) -> Layers:
    """Group labels in few layers within which no annotated spans overlap.

    Greedy colouring: labels that overlap with most others choose first, each takes the first layer that is free of
    those it overlaps with. A label whose spans lie within each other gets further layers for the inner ones.

    Parameters
    ----------
    annotations : iterable of sequence of LabelledRange
        The spans of each text in reading order.
    existing : list of list of str, optional
        Layers to begin with.

    Examples
    --------
    >>> choose_layers([[(0, 4, "ORG"), (0, 2, "PLACE"), (5, 7, "PERSON")]])
    [['ORG', 'PERSON'], ['PLACE']]
    """
    conflicts = _conflicts(annotations)
    layers: Layers = [list(labels) for labels in existing or [[]]]
    places = {node: layer for node, layer in _places(layers).items() if node in conflicts}
    for label, level in sorted(conflicts.keys() - places.keys(), key=lambda n: _precedence(n, conflicts)):
        lowest = places[label, level - 1] + 1 if level else 0
        taken = {places[node] for node in conflicts[label, level] if node in places}
        layer = next(i for i in count(lowest) if i not in taken)
        if layer == len(layers):
            layers.append([])
        layers[layer].append(label)
        places[label, level] = layer
    return [sorted(set(labels)) for labels in layers]


def extend_layers(annotations: Sequence[Sequence[LabelledRange]], layers: Layers) -> Layers:
    """Return `layers` with room for the new labels and the new overlaps of `annotations`; all labels stay put."""
    wider = choose_layers(annotations, layers)
    left = [assign(spans, wider)[1] for spans in annotations]
    return wider + choose_layers(left) if any(left) else wider


def given_layers(layers: Any, labels: Iterable[str]) -> Layers:
    """Return the layers that the user wrote down.

    Raises
    ------
    ConfigurationError
        If they are not lists of labels, or an annotated label has no place in them.
    """
    if not _is_grouping(layers):
        raise ConfigurationError(
            f"layers={layers!r}: expected None, 'auto' or lists of labels, such as [['PERSON', 'ORG'], ['PLACE']]"
        )
    if missing := sorted(set(labels) - {label for group in layers for label in group}):
        raise ConfigurationError(f"layers={layers!r} has no place for the annotated label {missing[0]!r}: add it")
    return [sorted(set(group)) for group in layers]


def assign_all(
    annotations: Sequence[Sequence[LabelledRange]], layers: Layers
) -> tuple[list[list[list[LabelledRange]]], list[tuple[int, int, int, str]]]:
    """Return the spans of each text for every layer, and with the number of their text those that fit nowhere."""
    by_layer: list[list[list[LabelledRange]]] = [[] for _ in layers]
    left = []
    for i, spans in enumerate(annotations):
        placed, over = assign(spans, layers)
        left += [(i, *span) for span in over]
        for layer, found in zip(by_layer, placed, strict=True):
            layer.append(found)
    return by_layer, left


def _is_grouping(layers: Any) -> bool:
    groups = (list, tuple)
    return (
        isinstance(layers, groups)
        and bool(layers)
        and all(isinstance(group, groups) for group in layers)
        and all(isinstance(label, str) and label for group in layers for label in group)
    )


def _conflicts(annotations: Iterable[Sequence[LabelledRange]]) -> dict[_Node, set[_Node]]:
    """Tell which labels, and which levels of them, have spans that overlap each other."""
    conflicts: dict[_Node, set[_Node]] = {}
    for spans in annotations:
        open_: list[tuple[int, _Node]] = []  # spans that reach beyond the start of this one
        for start, end, label in spans:
            open_ = [(reach, node) for reach, node in open_ if reach > start]
            held = {level for _, (other, level) in open_ if other == label}
            level = next(i for i in count() if i not in held)
            if level < _DEEPEST:
                node = (label, level)
                mine = conflicts.setdefault(node, set())
                for _, other in open_:
                    mine.add(other)
                    conflicts[other].add(node)
                open_.append((end, node))
    return conflicts


def _places(layers: Layers) -> dict[_Node, int]:
    """Map each label's levels to the layers that hold it, in order."""
    places: dict[_Node, int] = {}
    for i, labels in enumerate(layers):
        for label in labels:
            places[label, sum(known == label for known, _ in places)] = i
    return places


def _precedence(node: _Node, conflicts: dict[_Node, set[_Node]]) -> tuple[int, int, int]:
    return node[1], -len(conflicts[node]), list(conflicts).index(node)
