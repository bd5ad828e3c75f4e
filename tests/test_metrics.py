from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics import calibration_error, span_scores, topic_scores

LABELS = ("ORG", "PLACE", "TIME")
Spans = list[tuple[int, int, str]]


@st.composite
def flat_spans(draw: st.DrawFn, n: int = 20) -> Spans:
    """Spans over `n` tokens that do not overlap, neighbours of one label among them."""
    cuts = sorted(draw(st.sets(st.integers(0, n), max_size=8)))
    found = []
    for start, end in pairwise(cuts):
        label = draw(st.sampled_from((None, *LABELS)))
        if label:
            found.append((start, end, label))
    return found


def iobes(spans: Spans, n: int = 20) -> list[str]:
    tags = ["O"] * n
    for start, end, label in spans:
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start], tags[end - 1] = f"B-{label}", f"E-{label}"
        if end - start == 1:
            tags[start] = f"S-{label}"
    return tags


def test_by_hand() -> None:
    gold = [[(0, 3, "ORG"), (5, 7, "PLACE"), (9, 12, "TIME")], [(0, 2, "ORG")], []]
    predicted = [[(0, 3, "ORG"), (5, 8, "PLACE"), (9, 12, "ORG")], [], [(1, 2, "PLACE")]]
    scores = span_scores(gold, predicted)
    # one of four right (precision), one of four found (recall)
    assert (scores["precision"], scores["recall"], scores["f1"]) == (0.25, 0.25, 0.25)
    assert scores["labels"] == {
        "ORG": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
        "PLACE": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "TIME": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
    }


def test_nothing_at_all() -> None:
    assert span_scores([], []) == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "labels": {}}
    assert span_scores([[]], [[]])["f1"] == 0.0


def test_a_span_said_twice_counts_once() -> None:
    scores = span_scores([[(0, 2, "ORG")]], [[(0, 2, "ORG"), (0, 2, "ORG")]])
    assert scores["precision"] == 1.0


def test_the_same_span_in_another_text_is_no_hit() -> None:
    assert span_scores([[(0, 2, "ORG")], []], [[], [(0, 2, "ORG")]])["f1"] == 0.0


def test_different_numbers_of_texts() -> None:
    with pytest.raises(ValueError, match="zip"):
        span_scores([[]], [])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(flat_spans(), flat_spans()), min_size=1, max_size=4))
def test_equal_to_seqeval_strict(pairs: list[tuple[Spans, Spans]]) -> None:
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOBES

    gold, predicted = [gold for gold, _ in pairs], [predicted for _, predicted in pairs]
    if not any(gold) and not any(predicted):
        return  # seqeval has no answer
    found = span_scores(gold, predicted)
    expected = classification_report(
        [iobes(spans) for spans in gold],
        [iobes(spans) for spans in predicted],
        mode="strict",
        scheme=IOBES,
        output_dict=True,
        zero_division=0,
    )
    for label, row in found["labels"].items():
        assert row["support"] == expected[label]["support"]
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert row[ours] == pytest.approx(expected[label][theirs], abs=5.1e-5)
    for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
        assert found[ours] == pytest.approx(expected["micro avg"][theirs], abs=5.1e-5)


def test_topics_by_hand() -> None:
    gold = [["audit"], ["audit", "elections"], [], ("elections",), []]
    predicted = [{"audit"}, ["audit"], ["audit"], ["elections"], []]
    scores = topic_scores(gold, predicted, ["audit", "elections"])
    assert scores["labels"] == {
        "audit": {"precision": 0.6667, "recall": 1.0, "f1": 0.8, "support": 2},
        "elections": {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "support": 2},
    }
    assert scores["macro_f1"] == pytest.approx((0.8 + 0.6667) / 2, abs=1e-4)


def test_a_topic_that_is_never_said() -> None:
    scores = topic_scores([["审计"], []], [[], []], ["审计", "选举"])
    assert scores["macro_f1"] == 0.0
    assert scores["labels"]["选举"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_topics_outside_the_list_do_not_count() -> None:
    assert topic_scores([["x"]], [["x"]], ["audit"])["labels"].keys() == {"audit"}


def test_calibration_by_hand() -> None:
    probabilities = np.array([0.05, 0.05, 0.95, 0.95, 0.55, 1.0, 0.0])
    truth = np.array([0, 1, 1, 1, 0, 1, 0], bool)
    # bin 0: three of mean 0.1/3 with 1/3 right; bin 9: three of mean 2.9/3, all right; bin 5: one of 0.55, wrong
    gaps = abs(0.1 - 1) + abs(2.9 - 3) + 0.55
    assert calibration_error(probabilities, truth) == pytest.approx(gaps / 7, abs=1e-4)


def test_calibration_of_nothing() -> None:
    assert calibration_error(np.array([]), np.array([], bool)) == 0.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(1, 15))
def test_calibration_against_a_loop(pairs: list[tuple[float, bool]], n_bins: int) -> None:
    total = 0.0
    for b in range(n_bins):
        inside = [(p, t) for p, t in pairs if min(int(p * n_bins), n_bins - 1) == b]
        if inside:
            total += abs(sum(p for p, _ in inside) - sum(t for _, t in inside))
    probabilities, truth = zip(*pairs, strict=True)
    found = calibration_error(np.array(probabilities), np.array(truth), n_bins=n_bins)
    assert found == pytest.approx(total / len(pairs), abs=1e-4)
    assert 0 <= found <= 1


def test_honest_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random(20_000)
    assert calibration_error(probabilities, rng.random(20_000) < probabilities) < 0.02
    assert calibration_error(probabilities, rng.random(20_000) < probabilities**3) > 0.1
