"""Held-out texts: the threshold, calibrated confidences, and what is said about them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.errors import ConfigurationError, InputError, NotFittedError
from tagger.spans import Calibration, LabelledRange, SpanTagger
from tagger.spans._calibration import fit_calibration, measure_reliability
from tagger.spans._thresholds import OperatingPoint, choose_point, find_candidates, pool

Annotated = tuple[list[str], list[list[LabelledRange]]]

SURNAMES, GIVEN = "唐陆褚裴祝冉", "维桢若岚亦舟牧野青禾"
PLACES = ("砚川", "鹿泷", "云岫", "苇渡", "石桥", "松溪")


def made(seed: int, n: int) -> Annotated:
    """Sentences in which the same characters are a name, a place or nothing, so that no tagger can be sure."""
    rng = np.random.default_rng(seed)
    texts, spans = [], []
    for _ in range(n):
        person = rng.choice(list(SURNAMES)) + "".join(rng.choice(list(GIVEN), rng.integers(1, 3)))
        place = str(rng.choice(PLACES)) + str(rng.choice(["市", "县", "河", "路"]))
        before = str(rng.choice(["今日", "近日，", "记者", ""]))
        text = f"{before}{person}到{place}调研。"
        found = [(len(before), len(before) + len(person), "人名")]
        if place[-1] in "市县" or rng.random() < 0.3:
            start = len(before) + len(person) + 1
            found.append((start, start + len(place), "地名"))
        if rng.random() < 0.15:
            found = found[1:]  # annotators miss things
        texts.append(text)
        spans.append(found)
    return texts, spans


TRAIN, HELD_OUT, TEST = made(0, 60), made(1, 300), made(2, 300)


@pytest.fixture(scope="module")
def fitted() -> SpanTagger:
    return SpanTagger(max_iter=8).fit(*TRAIN)


@pytest.fixture
def tagger(fitted: SpanTagger) -> SpanTagger:
    """A copy to adjust."""
    return SpanTagger.from_state(*fitted.to_state())


def precision_recall(tagger: SpanTagger, data: Annotated) -> tuple[float, float]:
    predicted = {(i, s.start, s.end, s.label) for i, found in enumerate(tagger.predict(data[0])) for s in found}
    gold = {(i, *span) for i, spans in enumerate(data[1]) for span in spans}
    hits = len(predicted & gold)
    return hits / len(predicted) if predicted else 0.0, hits / len(gold)


# -- threshold -----------------------------------------------------------------------------------------------------


def test_every_predicted_span_reaches_the_threshold(tagger: SpanTagger) -> None:
    for calibration in (Calibration(), Calibration(0.5, -0.4)):
        tagger.calibration_ = calibration
        for threshold in (0.05, 0.3, 0.5, 0.8, 0.99):
            tagger.threshold_ = threshold
            assert all(s.confidence >= threshold - 1e-9 for found in tagger.predict(TEST[0]) for s in found)


def test_a_higher_threshold_finds_less_and_is_right_more_often(tagger: SpanTagger) -> None:
    counts, precisions = [], []
    for threshold in (0.05, 0.2, 0.5, 0.8, 0.95):
        tagger.threshold_ = threshold
        counts.append(sum(map(len, tagger.predict(TRAIN[0]))))
        precisions.append(precision_recall(tagger, TRAIN)[0])
    assert counts == sorted(counts, reverse=True)
    assert all(low <= high + 0.005 for low, high in pairwise(precisions))
    assert precisions[0] < precisions[-1]


def test_above_one_half_the_spans_of_a_higher_threshold_are_among_those_of_a_lower(tagger: SpanTagger) -> None:
    before: set[Any] | None = None
    for threshold in (0.5, 0.7, 0.9):
        tagger.threshold_ = threshold
        now = {(i, s.start, s.end, s.label) for i, found in enumerate(tagger.predict(TEST[0])) for s in found}
        assert before is None or now <= before
        before = now


def test_the_tuned_threshold_gives_what_it_says(tagger: SpanTagger) -> None:
    best_path = tagger.score(*HELD_OUT)
    point = tagger.tune_threshold(*HELD_OUT)
    assert tagger.threshold_ == point.threshold
    assert (point.precision, point.recall) == pytest.approx(precision_recall(tagger, HELD_OUT))
    assert point.f1 == pytest.approx(tagger.score(*HELD_OUT))
    assert point.f1 >= best_path - 0.005
    for other in (0.1, 0.3, 0.5, 0.7, 0.9):
        tagger.threshold_ = other
        assert tagger.score(*HELD_OUT) <= point.f1 + 1e-12


def test_a_wanted_precision_or_recall_is_reached_with_the_most_of_the_other(tagger: SpanTagger) -> None:
    free = tagger.tune_threshold(*HELD_OUT)
    exact = tagger.tune_threshold(*HELD_OUT, precision=min(1.0, free.precision + 0.02))
    assert precision_recall(tagger, HELD_OUT)[0] >= free.precision + 0.02
    assert exact.recall < free.recall
    thorough = tagger.tune_threshold(*HELD_OUT, recall=free.recall + 0.01)
    assert precision_recall(tagger, HELD_OUT)[1] >= free.recall + 0.01
    assert thorough.threshold < free.threshold < exact.threshold


def test_layers_are_tuned_together() -> None:
    texts = HELD_OUT[0]
    spans = [[*found, (0, 2, "开头")] for found in HELD_OUT[1]]
    tagger = SpanTagger(layers="auto", max_iter=4).fit(texts[:60], spans[:60])
    assert len(tagger.layers_) == 2
    point = tagger.tune_threshold(texts, spans)
    assert point.f1 == pytest.approx(tagger.score(texts, spans))


def test_candidates_are_counted_as_spans_are(fitted: SpanTagger) -> None:
    (layer,), n_gold = find_candidates(*HELD_OUT, fitted._layers(), fitted._features)
    assert n_gold == sum(map(len, HELD_OUT[1]))
    assert layer.n_chars == sum(map(len, HELD_OUT[0]))
    assert len(layer.spans) == len(layer.segments) == len(layer.probabilities) == len(layer.right)
    assert 0.8 * n_gold < layer.right.sum() <= n_gold
    starts = layer.segments[:, 0]
    assert np.all(starts[1:] >= starts[:-1])


def test_out_of_reach_says_the_most_there_is_and_sets_nothing(tagger: SpanTagger) -> None:
    with pytest.raises(ConfigurationError, match=r"recall=1.0 is not reached on these texts: the most is 0\.\d+, at"):
        tagger.tune_threshold(*HELD_OUT, recall=1.0)
    assert tagger.threshold_ is None


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"precision": 0.9, "recall": 0.9}, "cannot both be wanted"),
        ({"precision": 0}, "precision=0: expected a share above 0, at most 1"),
        ({"recall": 1.5}, "recall=1.5: expected a share"),
        ({"precision": float("nan")}, "precision=nan: expected a share"),
    ],
)
def test_targets_that_are_none(tagger: SpanTagger, wanted: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        tagger.tune_threshold(*HELD_OUT, **wanted)


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 2.0, float("nan")])
def test_thresholds_that_are_none(threshold: float) -> None:
    with pytest.raises(ConfigurationError, match=f"threshold={threshold}: expected a confidence between 0 and 1"):
        SpanTagger(threshold=threshold).fit(*TRAIN)


def test_a_threshold_is_stored(tagger: SpanTagger) -> None:
    point = tagger.tune_threshold(*HELD_OUT)
    again = SpanTagger.from_state(*tagger.to_state())
    assert again.threshold_ == again.threshold == point.threshold
    assert again.predict(TEST[0]) == tagger.predict(TEST[0])


def test_of_equal_points_the_one_nearest_to_half_the_f1_is_taken() -> None:
    points = [OperatingPoint(t, 0.8, 0.8, 0.8) for t in (0.1, 0.38, 0.5, 0.9)]
    assert choose_point(points).threshold == 0.38


# -- calibration ---------------------------------------------------------------------------------------------------


def test_calibration_changes_confidences_and_no_span(tagger: SpanTagger) -> None:
    before = tagger.predict(TEST[0])
    tagger.calibrate(*HELD_OUT)
    after = tagger.predict(TEST[0])
    assert tagger.calibration_ != Calibration()
    assert [[s[:3] for s in map(astuple, found)] for found in after] == [
        [s[:3] for s in map(astuple, found)] for found in before
    ]
    order = [np.argsort([s.confidence for found in each for s in found], kind="stable") for each in (before, after)]
    assert np.array_equal(*order)


def astuple(span: Any) -> tuple[Any, ...]:
    return span.start, span.end, span.label, span.confidence


def test_calibrated_confidences_are_closer_to_the_truth(tagger: SpanTagger) -> None:
    raw = tagger.reliability(*TEST).ece
    tagger.calibrate(*HELD_OUT)
    assert tagger.reliability(*TEST).ece < min(raw, 0.08)


def test_a_calibration_is_stored_and_the_default_is_not(tagger: SpanTagger) -> None:
    assert "calibration" not in tagger.to_state()[0]
    tagger.calibrate(*HELD_OUT)
    meta, arrays = tagger.to_state()
    again = SpanTagger.from_state(json.loads(json.dumps(meta)), arrays)
    assert again.predict(TEST[0]) == tagger.predict(TEST[0])


@pytest.mark.parametrize("calibration", [[0.0, 0.0], [-1.0, 0.0], [1.0, float("nan")], [float("inf"), 0.0]])
def test_a_calibration_that_is_none_is_refused(fitted: SpanTagger, calibration: list[float]) -> None:
    meta, arrays = fitted.to_state()
    with pytest.raises(InputError, match=r"calibration .*: expected finite numbers, the first above 0"):
        SpanTagger.from_state({**meta, "calibration": calibration}, arrays)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.05, 5), st.floats(-4, 4), st.floats(0.001, 0.999))
def test_confidence_and_probability_are_each_others_inverse(a: float, b: float, p: float) -> None:
    calibration = Calibration(a, b)
    confidence = calibration.confidence(np.array([p, min(1.0, p + 1e-3), 0.0, 1.0]))
    assert np.all((confidence >= 0) & (confidence <= 1))
    assert confidence[0] <= confidence[1]
    if 1e-6 < confidence[0] < 1 - 1e-6:
        assert calibration.probability(float(confidence[0])) == pytest.approx(p, rel=1e-5)


def test_the_fit_finds_the_line_that_made_the_data() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, 40_000)
    right = rng.random(len(p)) < Calibration(0.5, -0.7).confidence(p)
    assert fit_calibration(p, right) == pytest.approx((0.5, -0.7), abs=0.05)


@pytest.mark.parametrize("right", [[True] * 4, [False] * 4, [False, False, True, True], [True, True, False, False]])
def test_few_spans_give_a_finite_rise(right: list[bool]) -> None:
    a, b = fit_calibration(np.array([0.2, 0.4, 0.6, 1.0]), np.array(right))
    assert 0 < a < 20
    assert abs(b) < 20


# -- judgements ----------------------------------------------------------------------------------------------------


def test_adjusting_by_a_judgement_is_calibrating_and_tuning(fitted: SpanTagger) -> None:
    adjusted, stepwise = (SpanTagger.from_state(*fitted.to_state()) for _ in range(2))
    adjusted.adjust(fitted.judge(*HELD_OUT))
    point = stepwise.calibrate(*HELD_OUT).tune_threshold(*HELD_OUT)
    assert adjusted.calibration_ == stepwise.calibration_ != Calibration()
    assert adjusted.threshold_ == point.threshold


def test_judgements_of_parts_are_that_of_the_whole(fitted: SpanTagger) -> None:
    cut = 120
    parts = [fitted.judge(HELD_OUT[0][part], HELD_OUT[1][part]) for part in (slice(0, cut), slice(cut, None))]
    whole, pooled = fitted.judge(*HELD_OUT), pool(parts)
    assert pooled.n_gold == whole.n_gold
    (mine,), (other,) = pooled.layers, whole.layers
    assert np.array_equal(mine.segments, other.segments)
    assert np.allclose(mine.probabilities, other.probabilities, rtol=1e-9)
    assert np.array_equal(mine.right, other.right)
    assert mine.n_chars == other.n_chars


def test_a_given_threshold_is_kept(fitted: SpanTagger) -> None:
    judgement = fitted.judge(*HELD_OUT)
    tagger = SpanTagger(max_iter=2, threshold=0.9).fit(*TRAIN).adjust(judgement)
    assert tagger.threshold_ == 0.9
    assert tagger.calibration_ != Calibration()


def test_judgements_that_do_not_fit(fitted: SpanTagger) -> None:
    nested = [[*found, (0, 2, "开头")] for found in TRAIN[1]]
    other = SpanTagger(layers="auto", max_iter=1).fit(TRAIN[0], nested).judge(TRAIN[0], nested)
    with pytest.raises(ConfigurationError, match=r"taggers with \[1, 2\] layers"):
        fitted.adjust(fitted.judge(*HELD_OUT), other)
    with pytest.raises(ConfigurationError, match="no judgement came"):
        fitted.adjust()


def test_nothing_to_judge_by(tagger: SpanTagger) -> None:
    with pytest.raises(InputError, match="no annotated spans came"):
        tagger.tune_threshold(["砚川市。"], [[]])
    with pytest.raises(InputError, match="no span of these texts is at all probable"):
        tagger.calibrate([""], [[]])
    for call in (tagger.tune_threshold, tagger.calibrate, tagger.reliability):
        with pytest.raises(InputError, match="1 texts but 0 lists"):
            call(["砚川市。"], [])
    for name in ("tune_threshold", "calibrate", "reliability"):
        with pytest.raises(NotFittedError):
            getattr(SpanTagger(), name)(*TEST)


# -- reliability ---------------------------------------------------------------------------------------------------


def test_reliability_counts_as_done_by_hand() -> None:
    report = measure_reliability(
        np.array([0.1, 0.15, 0.5, 0.99, 1.0, 1.0]), np.array([False, True, True, True, True, False]), 10
    )
    assert [(b.low, b.high, b.n_spans) for b in report.bins] == [(0.1, 0.2, 2), (0.5, 0.6, 1), (0.9, 1.0, 3)]
    assert [b.confidence for b in report.bins] == pytest.approx([0.125, 0.5, 2.99 / 3])
    assert [b.right for b in report.bins] == pytest.approx([0.5, 1.0, 2 / 3])
    assert report.ece == pytest.approx((2 * 0.375 + 0.5 + 3 * (2.99 / 3 - 2 / 3)) / 6)
    assert "0.5-0.6       0.500  1.000       1" in str(report)


def test_reliability_covers_all_predicted_spans(fitted: SpanTagger) -> None:
    report = fitted.reliability(*TEST, n_bins=7)
    assert sum(b.n_spans for b in report.bins) == sum(map(len, fitted.predict(TEST[0])))
    assert all(b.low <= b.confidence <= b.high for b in report.bins)
    share = sum(b.right * b.n_spans for b in report.bins) / sum(b.n_spans for b in report.bins)
    assert share == pytest.approx(precision_recall(fitted, TEST)[0])
    with pytest.raises(InputError, match="n_bins=0: expected at least one"):
        fitted.reliability(*TEST, n_bins=0)


# -- fitting with a validation part --------------------------------------------------------------------------------


def test_validation_stops_calibrates_and_tunes() -> None:
    tagger = SpanTagger(max_iter=40).fit(*TRAIN, validation=HELD_OUT)
    assert len(tagger.crf_.losses_) < 40
    assert tagger.calibration_ != Calibration()
    assert tagger.threshold_ is not None
    assert tagger.threshold is None
    assert tagger.score(*TEST) > SpanTagger(max_iter=40).fit(*TRAIN).score(*TEST) - 0.02
    calibrated = tagger.reliability(*TEST).ece
    tagger.calibration_ = Calibration()
    assert calibrated < tagger.reliability(*TEST).ece


def test_a_threshold_that_was_asked_for_stays() -> None:
    tagger = SpanTagger(max_iter=3, threshold=0.9).fit(*TRAIN, validation=HELD_OUT)
    assert tagger.threshold_ == 0.9
    assert tagger.calibration_ != Calibration()


def test_validation_may_hold_labels_that_training_does_not() -> None:
    texts, spans = HELD_OUT
    unknown = [[*found, (0, 1, "别的")] for found in spans]
    tagger = SpanTagger(max_iter=3).fit(*TRAIN, validation=(texts, unknown))
    assert tagger.labels_ == ["人名", "地名"]


def test_validation_without_spans_only_stops() -> None:
    tagger = SpanTagger(max_iter=3).fit(*TRAIN, validation=(["天气晴朗。"], [[]]))
    assert tagger.threshold_ is None


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ((["砚川市"], []), "1 texts but 0 lists"),
        ((["砚川市"], [[(0, 9, "地名")]]), r"text 0 .*\[0, 9\) 地名: empty, or"),
    ],
)
def test_validation_is_checked_too(validation: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SpanTagger(max_iter=3).fit(*TRAIN, validation=validation)
