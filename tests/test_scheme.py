"""BIOES tags: there and back for any flat spans, and the legal pairs by brute force."""

from __future__ import annotations

import re
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.crf.scheme import bioes_tags, legal_transitions, spans_to_tags, tags_to_spans
from tagger.errors import AnnotationError

LABELS = ("ORG", "O", "B", "机构", "党 组织", "A-B", "-", "S-地名", "𠮷", "")
FlatSpans = tuple[int, list[tuple[int, int, str]]]


@st.composite
def flat_spans(draw: st.DrawFn) -> FlatSpans:
    """Return a number of tokens and spans over them: in order, none empty, no overlap."""
    bounds = sorted(draw(st.sets(st.integers(0, 30), max_size=12)))
    pairs = list(pairwise(bounds))  # neighbours may touch
    kept = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    spans = [(a, b, draw(st.sampled_from(LABELS))) for (a, b), keep in zip(pairs, kept, strict=True) if keep]
    return max(bounds, default=0) + draw(st.integers(0, 3)), spans


def is_legal(tags: list[str], labels: list[str]) -> bool:
    """Whether the tags can be cut into ``O`` and whole spans of one label each, told without any matrix."""
    spans = (f"B-{label},(?:I-{label},)*E-{label},|S-{label}," for label in labels)
    return re.fullmatch(f"(?:O,|{'|'.join(spans)})*", "".join(f"{tag}," for tag in tags)) is not None


@given(flat_spans())
def test_spans_to_tags_and_back(case: FlatSpans) -> None:
    n, spans = case
    tags = spans_to_tags(spans, n)
    assert len(tags) == n
    assert set(tags) <= set(bioes_tags(LABELS))
    assert tags_to_spans(tags) == spans


@given(flat_spans(), st.randoms(use_true_random=False))
def test_the_order_of_the_spans_does_not_matter(case: FlatSpans, random: object) -> None:
    n, spans = case
    shuffled = list(spans)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert spans_to_tags(shuffled, n) == spans_to_tags(spans, n)


@given(flat_spans())
def test_every_tagging_is_legal(case: FlatSpans) -> None:
    n, spans = case
    names = bioes_tags(LABELS)
    start, transitions, end = legal_transitions(names)
    path = [names.index(tag) for tag in spans_to_tags(spans, n)]
    if path:
        assert start[path[0]]
        assert end[path[-1]]
        assert all(transitions[a, b] for a, b in pairwise(path))


def test_legal_sequences_are_exactly_those_that_the_matrices_allow() -> None:
    labels = ["机构", "O"]
    names = bioes_tags(labels)
    start, transitions, end = legal_transitions(names)
    n_legal = 0
    for n in (1, 2, 3, 4):
        for path in product(range(len(names)), repeat=n):
            allowed = bool(start[path[0]]) and end[path[-1]] and all(transitions[a, b] for a, b in pairwise(path))
            assert allowed == is_legal([names[j] for j in path], labels), [names[j] for j in path]
            n_legal += allowed
    assert n_legal > 50


def test_tags_without_a_prefix_stand_anywhere_no_span_is_open() -> None:
    names = ["O", "正文", "B-", "I", "署名", "B-地", "E-地"]
    start, transitions, end = legal_transitions(names)
    free = [names.index(tag) for tag in ("O", "正文", "I", "署名")]
    assert start[free].all()
    assert end[free].all()
    assert transitions[np.ix_(free, free)].all()
    opened, closed = names.index("B-地"), names.index("E-地")
    assert not transitions[opened, free].any()
    assert transitions[opened].nonzero()[0].tolist() == [closed]
    assert transitions[closed, free].all()


def test_labels_with_dashes_spaces_and_tag_letters() -> None:
    spans = [(0, 1, "A-B"), (1, 3, "党 组织"), (3, 4, "S-地名"), (4, 6, "O")]
    tags = spans_to_tags(spans, 7)
    assert tags == ["S-A-B", "B-党 组织", "E-党 组织", "S-S-地名", "B-O", "E-O", "O"]
    assert tags_to_spans(tags) == spans


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(2, 2, "机构")], r"span \[2, 2\) 机构: empty, or outside the 4 tokens"),
        ([(3, 2, "机构")], r"span \[3, 2\) 机构: empty"),
        ([(-1, 2, "机构")], r"span \[-1, 2\) 机构: empty, or outside"),
        ([(2, 5, "机构")], r"span \[2, 5\) 机构: empty, or outside the 4 tokens"),
        ([(0, 3, "机构"), (2, 4, "地名")], r"span \[2, 4\) 地名 overlaps another: flat spans"),
        ([(0, 3, "机构"), (0, 3, "机构")], r"span \[0, 3\) 机构 overlaps another"),
        ([(1, 2, "机构"), (0, 4, "地名")], r"span \[0, 4\) 地名 overlaps another"),
    ],
)
def test_spans_that_do_not_fit_name_their_range_and_label(spans: list[tuple[int, int, str]], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        spans_to_tags(spans, 4)


def test_nothing() -> None:
    assert bioes_tags([]) == ["O"]
    assert spans_to_tags([], 0) == []
    assert tags_to_spans([]) == []
