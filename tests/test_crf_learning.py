"""Learning on from a model, stopping early, averaging, and what pruning costs."""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.crf import _descent
from tagger.crf._segments import count_hits
from tagger.crf.linear_chain import LinearChainCRF, hash_attributes
from tagger.crf.scheme import bioes_tags, segment_borders, spans_to_tags, tags_to_spans
from tagger.errors import AnnotationError, InputError

X = [[["砚", "汉"], ["川"], ["市", "尾"], ["开"]], [["鹿"], ["泷", "汉"], ["县", "尾"]], [["今"], ["天"]], []] * 6
Y = [["B-地", "I-地", "E-地", "O"], ["B-地", "I-地", "E-地"], ["O", "O"], []] * 6
NEW_X = [[["唐"], ["砚"], ["今"]], [["今"], ["𠮷"]]] * 6
NEW_Y = [["B-人", "E-人", "O"], ["O", "S-物"]] * 6


def state(crf: LinearChainCRF) -> bytes:
    return pickle.dumps(crf.to_state())


def weights_of(crf: LinearChainCRF) -> dict[tuple[int, str], float]:
    rows = np.repeat(crf.keys_, np.diff(crf.indptr_))
    tags = [crf.tags_[tag] for tag in crf.weight_tags_]
    return {(key, tag): w for key, tag, w in zip(rows.tolist(), tags, crf.weights_.tolist(), strict=True)}


def random_task(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Keys of which the first tells the tag, most of the time; sequences of ten tokens."""
    rng = np.random.default_rng(seed)
    tags = bioes_tags(["地", "人", "机构"])
    pool = rng.integers(1, 2**64, (len(tags), 6), dtype=np.uint64)
    gold = np.tile(
        [tags.index(tag) for tag in spans_to_tags([(1, 4, "地"), (5, 6, "人"), (7, 9, "机构")], 10)], n // 10
    )
    keys = rng.integers(1, 2**64, 80, dtype=np.uint64)[rng.integers(0, 80, (n, 4))]
    sure = rng.random(n) < 0.6
    keys[sure, 0] = pool[gold[sure], rng.integers(0, 6, int(sure.sum()))]
    return keys, np.arange(0, n + 1, 10), gold, tags


# -- learning on ---------------------------------------------------------------------------------------------------


def test_learning_on_from_nothing_is_learning() -> None:
    fresh, onward = LinearChainCRF(max_iter=4).fit(X, Y), LinearChainCRF(max_iter=4).partial_fit(X, Y)
    assert state(onward) == state(fresh)
    keys, offsets, gold, tags = random_task(0)
    a = LinearChainCRF(max_iter=2).fit_arrays(keys, offsets, gold, tags)
    b = LinearChainCRF(max_iter=2).partial_fit_arrays(keys, offsets, gold, tags)
    assert state(a) == state(b)


def test_new_tags_and_attributes_are_learned_and_old_ones_are_kept() -> None:
    crf = LinearChainCRF(max_iter=12).fit(X, Y)
    before = list(crf.tags_)
    assert crf.partial_fit(X + NEW_X, Y + NEW_Y) is crf
    assert crf.tags_ == [*before, "B-人", "E-人", "S-物"]
    assert crf.predict(X + NEW_X) == Y + NEW_Y


def test_what_the_new_data_do_not_speak_of_stays_as_it_was() -> None:
    crf = LinearChainCRF(max_iter=12).fit(X, Y)
    before, scale = weights_of(crf), crf.scale_
    transitions = dict(np.ndenumerate(crf.transitions_))
    crf.partial_fit([[["另"]]], [["O"]])
    after = weights_of(crf)
    seen = set(hash_attributes([["另"]]).ravel().tolist())
    for key, tag in before:
        if key not in seen:
            assert after[key, tag] == pytest.approx(before[key, tag], abs=scale + crf.scale_)
    for pair, weight in transitions.items():
        assert crf.transitions_[pair] == weight  # one token has no pair


def test_tags_may_change_their_places() -> None:
    keys, offsets, gold, tags = random_task(1)
    crf = LinearChainCRF(max_iter=5).fit_arrays(keys, offsets, gold, tags)
    paths = [crf.tags_[j] for j in crf.viterbi(crf.emissions(keys[:10]))]
    scores = dict(zip(crf.tags_, crf.emissions(keys[:10]).T.tolist(), strict=True))
    new = bioes_tags(["人", "新", "机构", "地"])
    places = np.array([new.index(tag) for tag in tags])
    crf.partial_fit_arrays(np.array([[5]], np.uint64), np.array([0, 1]), np.array([0]), new)
    assert crf.tags_ == new
    assert [crf.tags_[j] for j in crf.viterbi(crf.emissions(keys[:10]))] == paths
    for tag, column in zip(crf.tags_, crf.emissions(keys[:10]).T, strict=True):
        np.testing.assert_allclose(column, scores.get(tag, np.zeros(10)), atol=0.01)
    crf.partial_fit_arrays(keys, offsets, places[gold], new)
    assert [crf.tags_[j] for j in crf.viterbi(crf.emissions(keys[:10]))] == paths


def test_forbidden_pairs_stay_forbidden_and_new_ones_are() -> None:
    crf = LinearChainCRF(max_iter=3).fit(X, Y).partial_fit(NEW_X, NEW_Y)
    place = crf.tags_.index
    assert np.isneginf(crf.transitions_[place("B-地"), place("E-人")])
    assert np.isneginf(crf.transitions_[place("O"), place("E-人")])
    assert np.isneginf(crf.start_[place("E-人")])
    assert np.isfinite(crf.transitions_[place("E-地"), place("B-人")])
    again = LinearChainCRF.from_state(*crf.to_state())
    assert again.predict(NEW_X) == crf.predict(NEW_X)


def test_a_stored_model_learns_on_like_the_one_it_was() -> None:
    crf = LinearChainCRF(max_iter=5).fit(X, Y)
    again = LinearChainCRF.from_state(*crf.to_state())
    assert state(again.partial_fit(NEW_X, NEW_Y)) == state(crf.partial_fit(NEW_X, NEW_Y))


def test_parts_of_the_data_one_after_another_come_near_to_all_at_once() -> None:
    keys, offsets, gold, tags = random_task(2, 2000)
    whole = LinearChainCRF(max_iter=4).fit_arrays(keys, offsets, gold, tags)
    parts = LinearChainCRF(max_iter=4)
    for i in range(4):
        part = slice(500 * i, 500 * (i + 1))
        parts.partial_fit_arrays(keys[part], np.arange(0, 501, 10), gold[part], tags)
    shares = [
        np.mean(np.concatenate([crf.viterbi(crf.emissions(keys[a : a + 10])) for a in range(0, 2000, 10)]) == gold)
        for crf in (whole, parts)
    ]
    assert shares[1] > shares[0] - 0.03 > 0.9


def test_a_second_fit_forgets_what_was_learned_on() -> None:
    crf = LinearChainCRF(max_iter=3).fit(X, Y).partial_fit(NEW_X, NEW_Y)
    assert state(crf.fit(X, Y)) == state(LinearChainCRF(max_iter=3).fit(X, Y))


def test_a_tag_that_was_learned_must_stay() -> None:
    crf = LinearChainCRF(max_iter=2).fit(X, Y)
    before = state(crf)
    with pytest.raises(InputError, match=r"tags \['E-地'\] were learned before but are not among the new ones"):
        crf.partial_fit_arrays(np.ones((1, 1), np.uint64), np.array([0, 1]), np.array([0]), ["O", "I-地", "B-地"])
    assert state(crf) == before


@pytest.mark.parametrize(("tokens", "tags", "error"), [([[["今"]]], [["I-地"]], AnnotationError), ([], [], InputError)])
def test_what_cannot_be_learned_changes_nothing(tokens: Any, tags: Any, error: type[Exception]) -> None:
    crf = LinearChainCRF(max_iter=2).fit(X, Y)
    before = state(crf)
    for learn in (crf.partial_fit, crf.fit):
        with pytest.raises(error):
            learn(tokens, tags)
    assert state(crf) == before


@pytest.mark.parametrize("keys", [np.full((1, 2), np.nan), np.ones((1, 2), np.int64), np.ones(1, np.uint64)])
def test_packed_keys_of_another_kind(keys: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"keys are an array of .*: expected uint64, shape \(n_tokens, n_attributes\)"):
        LinearChainCRF().fit_arrays(keys, np.array([0, 1]), np.array([0]), ["O"])


def test_a_label_seen_once_and_one_token() -> None:
    crf = LinearChainCRF(max_iter=30, learning_rate=0.2, dropout=0.0, prune=0.0).fit([[["独"]], *X], [["S-名"], *Y])
    assert crf.predict([[["独"]]]) == [["S-名"]]
    one = LinearChainCRF(max_iter=1).fit([[["独"]]], [["S-名"]])
    assert one.tags_ == ["O", "S-名"]


# -- stopping early ------------------------------------------------------------------------------------------------


def test_training_stops_when_the_score_no_longer_rises_and_keeps_the_best_pass() -> None:
    keys, offsets, gold, tags = random_task(3, 600)
    held_out = (keys[400:], np.arange(0, 201, 10), gold[400:])
    crf = LinearChainCRF(max_iter=60, patience=3)
    crf.fit_arrays(keys[:400], offsets[:41], gold[:400], tags, validation=held_out)
    assert len(crf.scores_) == len(crf.losses_) == crf.best_iter_ + 3 < 60
    assert crf.best_iter_ == int(np.argmax(crf.scores_)) + 1
    short = LinearChainCRF(max_iter=crf.best_iter_).fit_arrays(keys[:400], offsets[:41], gold[:400], tags)
    assert np.array_equal(short.weights_, crf.weights_)
    assert np.array_equal(short.transitions_, crf.transitions_)


def test_the_score_is_the_f1_of_segments() -> None:
    keys, offsets, gold, tags = random_task(4, 400)
    held_out = (keys[300:], np.arange(0, 101, 10), gold[300:])
    crf = LinearChainCRF(max_iter=3, patience=9, prune=0.01)
    crf.fit_arrays(keys[:300], offsets[:31], gold[:300], tags, validation=held_out)
    found = crf.decode_segments(crf.emissions(held_out[0]), held_out[1])
    predicted = {(a, b, tag) for (a, b), tag in zip(found.ranges.tolist(), found.tags.tolist(), strict=True)}
    right = {
        (a + 10 * s, b + 10 * s, tags.index(f"S-{label}" if b - a == 1 else f"B-{label}"))
        for s in range(10)
        for a, b, label in tags_to_spans([tags[j] for j in gold[300:][10 * s : 10 * s + 10]])
    }
    f1 = 2 * len(predicted & right) / (len(predicted) + len(right))
    assert crf.scores_[crf.best_iter_ - 1] == pytest.approx(f1, abs=0.02)  # stored weights are rounded


def test_the_score_of_free_tags_is_the_share_of_right_ones() -> None:
    rows, tags = [[["■"], ["文"]], [["文"], ["■"]]] * 6, [["署名", "正文"], ["正文", "署名"]] * 6
    crf = LinearChainCRF(scheme="free", max_iter=20)
    crf.fit(rows, tags, validation=([[["■"]], [["文"], ["■"]]], [["署名"], ["正文", "正文"]]))
    assert max(crf.scores_) == pytest.approx(2 / 3)


def test_validation_through_strings_may_bring_tags_and_attributes_of_its_own() -> None:
    crf = LinearChainCRF(max_iter=40).fit(X, Y, validation=([*X[:3], [["生"], []]], [*Y[:3], ["S-物", "O"]]))
    assert crf.tags_ == ["O", "B-地", "E-地", "I-地", "S-物"]
    assert len(crf.scores_) == crf.best_iter_ + 2
    assert 0 < crf.scores_[crf.best_iter_ - 1] < 1  # the unknown one is missed
    assert crf.predict(X) == Y


def test_without_validation_every_pass_is_made_and_the_last_is_kept() -> None:
    crf = LinearChainCRF(max_iter=5).fit(X, Y)
    assert (crf.best_iter_, crf.scores_, len(crf.losses_)) == (5, [], 5)


def test_validation_without_any_span_on_either_side_counts_as_right() -> None:
    crf = LinearChainCRF(max_iter=9, patience=1).fit(X, Y, validation=([[["今"], ["天"]]], [["O", "O"]]))
    assert crf.scores_[crf.best_iter_ - 1] == 1.0


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (([], []), "validation: no tokens to learn from"),
        (([[["今"]]], [["O", "O"]]), "sequence 0 has 1 tokens but 2 tags"),
    ],
)
def test_validation_that_does_not_fit(validation: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LinearChainCRF().fit(X, Y, validation=validation)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_hits_are_the_spans_that_two_taggings_share(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    tags = bioes_tags(["地", "人"])

    def spans() -> set[tuple[int, int, str]]:
        cuts = np.unique(rng.integers(0, n + 1, 8)).tolist()
        return {(a, b, str(rng.choice(["地", "人"]))) for a, b in pairwise(cuts) if rng.random() < 0.7}

    first, second = spans(), spans()
    paths, gold = (
        np.array([tags.index(tag) for tag in spans_to_tags(sorted(each), n)], np.int64) for each in (first, second)
    )
    counts = count_hits(paths, gold, *segment_borders(tags))
    assert counts == (len(first & second), len(first), len(second))


# -- averages ------------------------------------------------------------------------------------------------------


def test_an_average_keeps_what_is_equal_and_infinite() -> None:
    mean = _descent.Weights(np.zeros((2, 2), np.float32), np.full((2, 2), -np.inf), np.zeros(2), np.ones(2))
    goal = _descent.Weights(np.ones((2, 2), np.float32), np.full((2, 2), -np.inf), np.zeros(2), np.zeros(2))
    mean.move(goal, 0.25)
    assert mean.features.dtype == np.float32
    assert mean.features.tolist() == [[0.25, 0.25]] * 2
    assert np.isneginf(mean.transitions).all()
    assert mean.end.tolist() == [0.75, 0.75]


# -- compact weights -----------------------------------------------------------------------------------------------


def test_pruned_16_bit_weights_are_a_fifth_of_full_ones_and_predict_the_same() -> None:
    keys, offsets, gold, tags = random_task(5, 3000)
    full, small = (LinearChainCRF(max_iter=6, prune=prune).fit_arrays(keys, offsets, gold, tags) for prune in (0, 0.05))
    paths = [
        np.concatenate([crf.viterbi(crf.emissions(keys[a : a + 10])) for a in range(0, 3000, 10)])
        for crf in (full, small)
    ]
    assert np.mean(paths[0] != paths[1]) < 0.002
    dense = 4 * len(tags) * len(np.unique(keys))
    assert sum(array.nbytes for array in small.to_state()[1].values()) < dense
    assert len(small.weights_) < 0.8 * len(full.weights_)
    assert np.abs(full.weights_ - np.rint(full.weights_ / full.scale_) * full.scale_).max() < 1e-6
