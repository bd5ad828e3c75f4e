"""The CRF against enumeration of every path, finite differences, and input that users get wrong."""

from __future__ import annotations

import pickle
from functools import cache
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.crf import _paths, _scores, _segments, _sums, _training
from tagger.crf._sequences import pack
from tagger.crf.linear_chain import LinearChainCRF, hash_attributes
from tagger.crf.scheme import bioes_tags, compact_order, legal_transitions, open_edges, tags_to_spans
from tagger.errors import AnnotationError, ConfigurationError, InputError, NotFittedError

N_CASES = 400
BIOES = bioes_tags(["机构"])


class Chain(NamedTuple):
    """All scores of one sequence."""

    scores: np.ndarray  # (n_tokens, n_tags)
    transitions: np.ndarray  # (n_tags, n_tags)
    start: np.ndarray  # (n_tags,)
    end: np.ndarray  # (n_tags,)


# -- the oracle ----------------------------------------------------------------------------------------------------


@cache
def all_paths(n_tokens: int, n_tags: int) -> np.ndarray:
    """Every path, (n_paths, n_tokens), by its last tag, then the one before: the first of equals is Viterbi's."""
    return np.array(list(product(range(n_tags), repeat=n_tokens)), np.int64)[:, ::-1]


def enumerate_scores(chain: Chain) -> tuple[np.ndarray, np.ndarray]:
    paths = all_paths(*chain.scores.shape)
    total = chain.start[paths[:, 0]] + chain.end[paths[:, -1]]
    for t in range(paths.shape[1]):
        total = total + chain.scores[t, paths[:, t]]
    for t in range(1, paths.shape[1]):
        total = total + chain.transitions[paths[:, t - 1], paths[:, t]]
    return paths, total


def log_sum(values: np.ndarray) -> float:
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))


def exact_probabilities(chain: Chain) -> tuple[np.ndarray, np.ndarray, float]:
    paths, total = enumerate_scores(chain)
    log_z = log_sum(total)
    return paths, np.exp(total - log_z), log_z


def exact_marginals(chain: Chain) -> np.ndarray:
    paths, shares, _ = exact_probabilities(chain)
    n, n_tags = chain.scores.shape
    return np.array([np.bincount(paths[:, t], shares, n_tags) for t in range(n)])


def mask_bioes(chain: Chain) -> Chain:
    start, transitions, end = (np.where(legal, 0.0, -np.inf) for legal in legal_transitions(BIOES))
    return Chain(chain.scores, chain.transitions + transitions, chain.start + start, chain.end + end)


def random_chain(rng: np.random.Generator, *, size: float = 2.0, whole: bool = False) -> Chain:
    """Up to 5 tokens by 4 or 5 tags; `whole` numbers tie often and add without rounding. Half of five are BIOES."""
    n, n_tags = int(rng.integers(1, 6)), int(rng.integers(4, 6))
    arrays = [rng.normal(0, size, shape) for shape in ((n, n_tags), (n_tags, n_tags), (n_tags,), (n_tags,))]
    chain = Chain(*(np.round(a) for a in arrays) if whole else arrays)
    return mask_bioes(chain) if n_tags == len(BIOES) and rng.random() < 0.7 else chain


def random_chains(seed: int, n: int = N_CASES, **kind: Any) -> list[Chain]:
    rng = np.random.default_rng(seed)
    return [random_chain(rng, **kind) for _ in range(n)]


# -- arithmetic ----------------------------------------------------------------------------------------------------


def test_path_scores_equal_the_formula() -> None:
    for chain in random_chains(0, 40):
        paths, total = enumerate_scores(chain)
        for i in range(0, len(paths), max(1, len(paths) // 20)):
            assert _scores.path_score(*chain, paths[i]) == pytest.approx(total[i], abs=1e-12)


def test_partition_and_marginals_equal_enumeration() -> None:
    for chain in random_chains(1):
        log_z, marginals = _sums.forward_backward(*chain)
        assert log_z == pytest.approx(exact_probabilities(chain)[2], abs=1e-10)
        np.testing.assert_allclose(marginals, exact_marginals(chain), atol=1e-12)
        np.testing.assert_allclose(marginals.sum(axis=1), 1, atol=1e-12)


def test_viterbi_equals_enumeration() -> None:
    for chain in random_chains(2):
        paths, total = enumerate_scores(chain)
        assert _paths.viterbi(*chain).tolist() == paths[np.argmax(total)].tolist()


def test_viterbi_of_equal_paths_takes_the_smallest_last_tag_then_the_one_before() -> None:
    tied = 0
    for chain in random_chains(3, size=0.7, whole=True):
        paths, total = enumerate_scores(chain)
        tied += (total == total.max()).sum() > 1
        assert _paths.viterbi(*chain).tolist() == paths[np.argmax(total)].tolist()
    assert tied > N_CASES // 10  # else this test shows nothing


def test_segment_probabilities_equal_enumeration() -> None:
    rng = np.random.default_rng(4)
    for chain in random_chains(5):
        paths, shares, _ = exact_probabilities(chain)
        path = paths[rng.choice(len(paths), p=shares / shares.sum())]
        segments = np.array([(a, b) for b in range(1, len(path) + 1) for a in range(b)], np.int32)
        expected = [shares[(paths[:, a:b] == path[a:b]).all(axis=1)].sum() for a, b in segments]
        np.testing.assert_allclose(_segments.segment_probabilities(*chain, path, segments), expected, atol=1e-12)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1], compact_order(BIOES).tolist()])
def test_decoded_segments_are_those_of_the_best_paths_with_exact_probabilities(order: Any) -> None:
    rng = np.random.default_rng(6)
    shared = mask_bioes(Chain(np.empty((0, 5)), rng.normal(0, 1, (5, 5)), rng.normal(0, 1, 5), rng.normal(0, 1, 5)))
    opens, closes = np.array([tag[0] in "BS" for tag in BIOES]), np.array([tag[0] in "ES" for tag in BIOES])
    lengths = rng.integers(1, 6, 60)
    scores = rng.normal(0, 2, (int(lengths.sum()), 5))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    expected, shares = [], []
    for first, last in pairwise(offsets.tolist()):
        chain = shared._replace(scores=scores[first:last])
        paths, probabilities, _ = exact_probabilities(chain)
        best = paths[np.argmax(probabilities)]
        for a, b, _ in tags_to_spans([BIOES[j] for j in best]):
            expected.append((first + a + 100, first + b + 100, best[a]))
            shares.append(probabilities[(paths[:, a:b] == best[a:b]).all(axis=1)].sum())
    order = np.array(order)
    edges = (shared.transitions[np.ix_(order, order)], shared.start[order], shared.end[order])
    found, tags, confidences = _segments.decode_segments(
        scores, offsets + 100, *edges, opens[order], closes[order], order
    )
    assert [(*segment, tag) for segment, tag in zip(found.tolist(), tags.tolist(), strict=True)] == expected
    assert len(expected) > 30
    np.testing.assert_allclose(confidences, shares, atol=1e-12)


@pytest.mark.parametrize("size", [0.1, 3.0, 30.0])
def test_the_scaled_and_the_logarithmic_branch_agree(size: float) -> None:
    rng = np.random.default_rng(7)
    for n in (1, 2, 17, 200):
        chain = mask_bioes(
            Chain(rng.normal(0, size, (n, 5)), rng.normal(0, 2, (5, 5)), rng.normal(0, 2, 5), rng.normal(0, 2, 5))
        )
        log_z, marginals = _sums.forward_backward(*chain)
        expected, alpha, beta = _sums.log_forward_backward(*chain)
        assert log_z == pytest.approx(expected, rel=1e-11, abs=1e-9)
        np.testing.assert_allclose(marginals, np.exp(alpha + beta - expected), atol=1e-9)


@pytest.mark.parametrize("size", [100.0, 400.0, 1e4, 1e6])
def test_extreme_scores_equal_enumeration(size: float) -> None:
    for chain in random_chains(8, 150, size=size):
        paths, shares, expected = exact_probabilities(chain)
        log_z, marginals = _sums.forward_backward(*chain)
        assert log_z == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(marginals, exact_marginals(chain), atol=1e-6)
        best = paths[np.argmax(shares)]
        assert _paths.viterbi(*chain).tolist() == best.tolist()
        whole = np.array([[0, len(best)]], np.int32)
        np.testing.assert_allclose(_segments.segment_probabilities(*chain, best, whole), shares.max(), atol=1e-6)


FORBID = np.array([[0.0, -np.inf], [-np.inf, 0.0]])


@pytest.mark.parametrize(
    "scores",
    [
        [[0.0, -1000.0], [-600.0, 0.0], [-600.0, 0.0]],  # lost at one token
        [[0.0, -100.0]] * 8 + [[-100.0, 0.0]] * 20,  # lost little by little
        [[0.0, -1000.0]] + [[0.0, 0.0]] * 9 + [[-300.0, 0.0]] * 4,  # regained little by little
    ],
    ids=["at once", "slowly", "late"],
)
def test_a_path_that_underflows_and_wins_in_the_end_is_not_lost(scores: list[list[float]]) -> None:
    chain = Chain(np.array(scores), FORBID, np.zeros(2), np.zeros(2))
    expected = log_sum(chain.scores.sum(axis=0))
    log_z, marginals = _sums.forward_backward(*chain)
    assert log_z == pytest.approx(expected)
    assert _paths.viterbi(*chain).tolist() == [1] * len(scores)
    np.testing.assert_allclose(marginals[:, 1], 1)


@pytest.mark.parametrize("where", ["start", "end", "transitions"])
@pytest.mark.parametrize("score", [-800.0, 800.0])
def test_scores_whose_exponential_does_not_fit_a_float(where: str, score: float) -> None:
    chain = Chain(np.zeros((3, 2)), np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    chain = chain._replace(**{where: getattr(chain, where) + score})
    log_z, marginals = _sums.forward_backward(*chain)
    assert log_z == pytest.approx(3 * np.log(2) + score * (2 if where == "transitions" else 1))
    np.testing.assert_allclose(marginals, 0.5)


def test_a_last_tag_that_underflows_and_wins_at_the_end() -> None:
    chain = Chain(np.array([[0.0, -1000.0]]), np.zeros((2, 2)), np.zeros(2), np.array([-340.0, 700.0]))
    assert _sums.forward_backward(*chain)[0] == pytest.approx(-300.0)


# -- training ------------------------------------------------------------------------------------------------------


def gradient_of_step(before: np.ndarray, after: np.ndarray, rate: float) -> np.ndarray:
    """Solve AdaGrad's step ``-rate * g / sqrt(1 + g * g)`` for the gradient g; 0 where a score is -inf."""
    finite = np.isfinite(before)
    step = np.zeros(before.shape)
    step[finite] = (before[finite].astype(float) - after[finite]) / rate
    return step / np.sqrt(1 - step**2)


def finite_differences(loss: Any, array: np.ndarray, h: float = 1e-5) -> np.ndarray:
    slopes = np.zeros(array.shape)
    for at in np.argwhere(np.isfinite(array)):
        value = array[tuple(at)]
        sides = []
        for moved in (value + h, value - h):
            array[tuple(at)] = moved
            sides.append(loss())
        array[tuple(at)] = value
        slopes[tuple(at)] = (sides[0] - sides[1]) / (2 * h)
    return slopes


@pytest.mark.parametrize("seed", range(12))
def test_the_training_step_is_the_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_attributes = int(rng.integers(1, 6)), 3
    # One row of weights for each attribute of each token, so that no row is stepped twice; the last is no attribute.
    ids = np.arange(n * n_attributes, dtype=np.int32).reshape(n, n_attributes)
    ids[-1, -1] = -1
    weights = rng.normal(0, 0.5, (n * n_attributes, 5)).astype(np.float32)
    chain = mask_bioes(Chain(np.empty((n, 5)), rng.normal(0, 1, (5, 5)), rng.normal(0, 1, 5), rng.normal(0, 1, 5)))
    edges = tuple(np.array(a) for a in chain[1:])
    exact = weights.astype(float)

    def scores() -> np.ndarray:
        return np.array([exact[row[row >= 0]].sum(axis=0) for row in ids])

    chain = chain._replace(scores=scores())
    paths, shares, _ = exact_probabilities(chain)
    gold = paths[rng.choice(len(paths), p=shares / shares.sum())].copy()

    def loss() -> float:
        now = Chain(scores(), *edges)
        return float(_sums.log_forward_backward(*now)[0] - _scores.path_score(*now, gold))

    expected_loss = loss()
    expected = [finite_differences(loss, array) for array in (exact, *edges)]
    before = [weights.copy(), *(edge.copy() for edge in edges)]
    after = [weights, *edges]
    rate = 0.125
    offsets, order = np.array([0, n], np.int64), np.zeros(1, np.int64)
    squares, edge_squares = np.ones_like(weights), [np.ones_like(edge) for edge in edges]
    seen = _training.train_epoch(
        ids, gold, offsets, order, weights, squares, *edges, *edge_squares, rate, 0.0, np.ones(1, np.uint64)
    )
    assert seen == pytest.approx(expected_loss, abs=1e-6)
    for old, new, slope in zip(before, after, expected, strict=True):
        np.testing.assert_allclose(gradient_of_step(old, new, rate), slope, atol=2e-5)
        assert np.array_equal(np.isneginf(old), np.isneginf(new))


def test_dropout_drops_its_share_and_scales_up_the_rest() -> None:
    # At weights of zero and two free tags every kept attribute's gradient is -0.5 or 0.5, times 1 / (1 - dropout).
    n, dropout = 4000, 0.25
    ids, weights = np.arange(n, dtype=np.int32)[:, None], np.zeros((n, 2), np.float32)
    edges = (np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    _training.train_epoch(
        ids, np.zeros(n, np.int64), np.array([0, n], np.int64), np.zeros(1, np.int64), weights, np.ones_like(weights),
        *edges, *(np.ones_like(edge) for edge in edges), 1.0, dropout, np.full(1, 12345, np.uint64),
    )  # fmt: skip
    kept = weights[:, 0] != 0
    assert kept.mean() == pytest.approx(1 - dropout, abs=0.03)
    g = 0.5 / (1 - dropout)
    np.testing.assert_allclose(weights[kept], np.tile([g, -g] / np.sqrt(1 + g * g), (kept.sum(), 1)), rtol=1e-5)


# -- the estimator -------------------------------------------------------------------------------------------------

X = [
    [["字=砚", "类=汉"], ["字=川"], ["字=市", "后缀"], ["字=开"], ["字=会"]],
    [["字=鹿"], ["字=泷", "类=汉"], ["字=县", "后缀"]],
    [["字=今"], ["字=天"]],
    [["字=𠮷"], []],
    [["字=局"]],
    [],
] * 4
Y = [
    ["B-地", "I-地", "E-地", "O", "O"],
    ["B-地", "I-地", "E-地"],
    ["O", "O"],
    ["O", "O"],
    ["S-机构 名-称"],
    [],
] * 4


@pytest.fixture(scope="module")
def fitted() -> LinearChainCRF:
    return LinearChainCRF(max_iter=12).fit(X, Y)


def test_learns_a_separable_problem(fitted: LinearChainCRF) -> None:
    assert fitted.predict(X) == Y
    assert fitted.losses_[-1] < fitted.losses_[0] / 2
    assert len(fitted.losses_) == 12


def test_outside_is_the_first_tag_and_the_others_are_sorted(fitted: LinearChainCRF) -> None:
    assert fitted.tags_ == ["O", "B-地", "E-地", "I-地", "S-机构 名-称"]


def test_empty_input(fitted: LinearChainCRF) -> None:
    assert fitted.predict([]) == []
    assert fitted.predict([[], [], X[0], []]) == [[], [], Y[0], []]
    assert fitted.predict([np.empty((0, 3), np.uint64)]) == [[]]
    assert [m.shape for m in fitted.predict_marginals([[], X[0]])] == [(0, 5), (5, 5)]
    assert fitted.viterbi(np.empty((0, 5))).shape == (0,)
    assert fitted.marginals(np.empty((0, 5)))[0] == 0.0


def test_unknown_attributes_and_none_at_all_still_give_a_legal_path(fitted: LinearChainCRF) -> None:
    start, transitions, end = legal_transitions(fitted.tags_)
    for tokens in ([["从未见过"]] * 5, [[]] * 4, [["字=砚"], [], ["没有"]]):
        path = [fitted.tags_.index(tag) for tag in fitted.predict([tokens])[0]]
        assert start[path[0]]
        assert all(transitions[a, b] for a, b in pairwise(path))
        assert end[path[-1]]


def test_marginals_are_those_of_the_model(fitted: LinearChainCRF) -> None:
    scores = fitted.emissions(pack([X[0]])[0])
    chain = Chain(scores, fitted.transitions_, fitted.start_, fitted.end_)
    np.testing.assert_allclose(fitted.predict_marginals([X[0]])[0], exact_marginals(chain), atol=1e-12)


def test_strings_and_their_keys_are_the_same_input(fitted: LinearChainCRF) -> None:
    keys = [hash_attributes(tokens) for tokens in X]
    again = LinearChainCRF(max_iter=12).fit(keys, Y)
    assert pickle.dumps(again.to_state()) == pickle.dumps(fitted.to_state())
    assert again.predict(keys) == fitted.predict(X)


def test_a_sequence_does_not_depend_on_its_neighbours(fitted: LinearChainCRF) -> None:
    assert [fitted.predict([tokens])[0] for tokens in X] == fitted.predict(X)
    for one, many in zip((fitted.predict_marginals([x])[0] for x in X), fitted.predict_marginals(X), strict=True):
        assert np.array_equal(one, many)


def test_two_fits_give_equal_bytes_and_the_seed_matters() -> None:
    def state(seed: int) -> bytes:
        return pickle.dumps(LinearChainCRF(max_iter=3, random_state=seed).fit(X, Y).to_state()[1])

    assert state(0) == state(0)
    assert state(0) != state(1)


def test_free_scheme_takes_any_tags() -> None:
    rows = [[["■"], ["文"]], [["文"], ["■"]]] * 6
    tags = [["署名", "正文"], ["正文", "署名"]] * 6
    crf = LinearChainCRF(scheme="free", max_iter=20).fit(rows, tags)
    assert crf.predict(rows) == tags
    assert np.isfinite(crf.transitions_).all()
    free = LinearChainCRF(scheme="free", max_iter=30, dropout=0).fit([[["甲"], ["乙"]]] * 5, [["I-A", "B-B"]] * 5)
    assert free.predict([[["甲"], ["乙"]]]) == [["I-A", "B-B"]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from([0.0, 0.5, 50.0, 1e5]))
def test_no_decoded_path_is_ever_illegal(seed: int, n_labels: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    crf = LinearChainCRF()
    # Whole numbers tie often: segments must be those of Viterbi's path all the same.
    crf.tags_ = bioes_tags([f"标签{i}" for i in range(n_labels)])
    n_tags = len(crf.tags_)
    gates = open_edges(crf.tags_, "bioes")
    crf.transitions_, crf.start_, crf.end_ = (gate + np.round(rng.normal(0, size, gate.shape)) for gate in gates)
    scores = np.round(rng.normal(0, size, (int(rng.integers(1, 40)), n_tags)))
    path = crf.viterbi(scores)
    assert np.isfinite(crf.score(scores, path))
    segments, tags, confidences = crf.decode_segments(scores, np.array([0, len(scores)], np.int64))
    named = [(a, b, crf.tags_[tag][2:]) for (a, b), tag in zip(segments.tolist(), tags.tolist(), strict=True)]
    assert named == tags_to_spans([crf.tags_[j] for j in path])
    assert ((confidences >= 0) & (confidences <= 1)).all()


def test_prune_drops_weights_and_hardly_moves_predictions() -> None:
    full, pruned = (LinearChainCRF(max_iter=10, prune=prune).fit(X, Y) for prune in (0.0, 0.15))
    assert len(pruned.weights_) < len(full.weights_)
    assert np.abs(pruned.weights_).min() >= 0.15 - 1e-4
    assert pruned.predict(X) == full.predict(X)
    for a, b in zip(full.predict_marginals(X), pruned.predict_marginals(X), strict=True):
        np.testing.assert_allclose(a, b, atol=0.15)


def test_prune_that_leaves_nothing_still_predicts() -> None:
    crf = LinearChainCRF(max_iter=2, prune=1e9).fit(X, Y)
    assert len(crf.keys_) == 0
    assert [len(tags) for tags in crf.predict(X)] == [len(tokens) for tokens in X]


def test_emissions_are_the_sums_of_the_weights_of_attributes_with_many_tags_and_with_few() -> None:
    rng = np.random.default_rng(9)
    tags = bioes_tags([f"类{i}" for i in range(5)])
    n = 300
    pool = rng.integers(1, 2**64, 59, dtype=np.uint64)
    keys = pool[rng.integers(0, 59, (n, 4))]  # frequent ones vote for many tags
    keys[:, 3] = rng.integers(1, 2**64, n, dtype=np.uint64)  # and these for few
    crf = LinearChainCRF(max_iter=4, scheme="free", dropout=0.0, prune=0.05)
    crf.fit_arrays(keys, np.arange(0, n + 1, 10), rng.integers(0, len(tags), n), tags)
    votes = np.diff(crf.indptr_)
    assert votes.min() < 4 < 12 < votes.max()
    rows = {key: range(a, b) for key, a, b in zip(crf.keys_.tolist(), crf.indptr_, crf.indptr_[1:], strict=False)}
    asked = np.concatenate([keys, keys[:, [0, 0, 0, 0]], rng.integers(0, 2**63, (5, 4), dtype=np.uint64)])
    expected = np.zeros((len(asked), len(tags)))
    for t, attributes in enumerate(asked.tolist()):
        for key in attributes:
            for p in rows.get(key, ()):
                expected[t, crf.weight_tags_[p]] += crf.weights_[p]
    np.testing.assert_allclose(crf.emissions(asked), expected, atol=1e-6)
    assert crf.weights_.min() < 0 < crf.weights_.max()


def test_small_numbers_are_keys_like_any_other() -> None:
    X = [np.array([[1, 2], [3, 0]], np.uint64), np.array([[4, 2], [5, 0]], np.uint64)] * 6
    y = [["B-地", "E-地"], ["O", "O"]] * 6
    assert LinearChainCRF(max_iter=20, dropout=0.0).fit(X, y).predict(X[:2]) == y[:2]


def test_min_count_leaves_rare_attributes_out() -> None:
    crf = LinearChainCRF(max_iter=2, prune=0, min_count=2)
    crf.fit([*X, [["独一无二"]], [["成双"], ["成双"]]], [*Y, ["O"], ["O", "O"]])
    once, twice = pack([[["独一无二"], ["成双"]]])[0][:, 0].tolist()
    assert once not in crf.keys_.tolist()
    assert twice in crf.keys_.tolist()


def test_weights_are_averaged_over_the_passes_and_late_ones_count_more(monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[tuple[np.ndarray, ...]] = []
    train_epoch = _training.train_epoch

    def record(*arguments: Any) -> float:
        loss: float = train_epoch(*arguments)
        passes.append(tuple(np.array(arguments[i]) for i in (4, 6, 7, 8)))
        return loss

    monkeypatch.setattr(_training, "train_epoch", record)
    crf = LinearChainCRF(max_iter=5, prune=0).fit(X, Y)
    shares = np.ones(1)
    for t in range(2, 6):
        shares = np.append(shares * (1 - 4 / (t + 3)), 4 / (t + 3))
    assert (np.diff(shares) > 0).all()
    assert shares.sum() == pytest.approx(1)
    with np.errstate(invalid="ignore"):  # forbidden pairs are minus infinity
        weights, transitions, start, end = (
            sum(share * array for share, array in zip(shares, arrays, strict=True))
            for arrays in zip(*passes, strict=True)
        )
    np.testing.assert_allclose(crf.weights_, weights[weights != 0], atol=1e-3)  # stored as multiples of a scale
    for found, expected in ((crf.transitions_, transitions), (crf.start_, start), (crf.end_, end)):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_progress_is_told_of_every_pass() -> None:
    told: list[tuple[int, float]] = []
    crf = LinearChainCRF(max_iter=3).fit(X, Y, progress=lambda epoch, loss: told.append((epoch, loss)))
    assert told == list(enumerate(crf.losses_, 1))


# -- hash_attributes -----------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=())), max_size=4), max_size=5))
def test_hash_attributes_pads_ragged_tokens_with_zero(tokens: list[list[str]]) -> None:
    keys = hash_attributes(tokens)
    assert keys.shape == (len(tokens), max(map(len, tokens), default=0))
    by_attribute: dict[int, str] = {}
    for row, attributes in zip(keys.tolist(), tokens, strict=True):
        assert row[len(attributes) :] == [0] * (len(row) - len(attributes))
        for key, attribute in zip(row, attributes, strict=False):
            assert by_attribute.setdefault(key, attribute) == attribute


def test_keys_are_the_same_on_every_machine_and_run() -> None:
    assert hash_attributes([["字=党"]]).tolist() == [[10816386297114525280]]


# -- state ---------------------------------------------------------------------------------------------------------


def test_state_keeps_every_prediction(fitted: LinearChainCRF) -> None:
    meta, arrays = fitted.to_state()
    again = LinearChainCRF.from_state(meta, arrays)
    assert again.get_params() == fitted.get_params()
    assert again.predict(X) == fitted.predict(X)
    for a, b in zip(again.predict_marginals(X), fitted.predict_marginals(X), strict=True):
        assert np.array_equal(a, b)
    assert pickle.dumps(again.to_state()) == pickle.dumps((meta, arrays))
    assert all(np.isfinite(array.astype(float)).all() for array in arrays.values())


@pytest.mark.parametrize("n_labels", [63, 64, 70])
def test_state_of_very_many_tags(n_labels: int) -> None:
    tags = bioes_tags([f"类{i}" for i in range(n_labels)])
    keys = np.full((4, 1), 7, np.uint64)
    crf = LinearChainCRF(max_iter=1, prune=0, dropout=0).fit_arrays(
        keys, np.array([0, 4], np.int64), np.zeros(4, np.int64), tags
    )
    assert int(np.diff(crf.indptr_)[0]) == len(tags)  # one attribute votes for all of them
    again = LinearChainCRF.from_state(*crf.to_state())
    assert np.array_equal(again.emissions(keys), crf.emissions(keys))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("transitions", lambda a: a[:-1]),
        ("start", lambda a: a[:-1]),
        ("end", lambda a: np.append(a, 0.0)),
        ("counts", lambda a: a[:-1]),
        ("counts", lambda a: np.concatenate([[-1, 1 + int(a[0]) + int(a[1])], a[2:].astype(int)])),
        ("weights", lambda a: a[1:]),
        ("scale", lambda a: a * 0),
        ("scale", lambda a: a * np.nan),
        ("scale", lambda a: a[:0]),
        ("scale", lambda a: a[0]),
        ("weight_tags", lambda a: a[1:]),
        ("weight_tags", lambda a: a + np.uint8(200)),
        ("keys", lambda a: a[::-1]),
        ("keys", lambda a: np.where(np.arange(len(a)) == 1, a[0], a)),
        ("keys", lambda a: a[:, None]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(fitted: LinearChainCRF, name: str, damage: Any) -> None:
    meta, arrays = fitted.to_state()
    with pytest.raises(InputError, match="CRF array"):
        LinearChainCRF.from_state(meta, {**arrays, name: damage(arrays[name])})


# -- what users get wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "place"),
    [
        ([["O", "O"], ["O", "I-地"]], "sequence 1, token 1: tag 'I-地'"),
        ([["O", "O"], ["E-地", "O"]], "sequence 1, token 0: tag 'E-地'"),
        ([["O", "B-地"], ["O", "O"]], "sequence 0, token 1: tag 'B-地'"),
        ([["B-地", "O"], ["O", "O"]], "sequence 0, token 1: tag 'O'"),
        ([["B-地", "E-人"], ["O", "O"]], "sequence 0, token 1: tag 'E-人'"),
    ],
)
def test_illegal_gold_names_the_sequence_and_the_token(tags: list[list[str]], place: str) -> None:
    with pytest.raises(AnnotationError, match=f"{place} cannot stand there in the bioes scheme; .*scheme='free'"):
        LinearChainCRF().fit([[["砚"], ["川"]], [["鹿"], ["泷"]]], tags)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("scheme", "bio"),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("dropout", float("nan")),
        ("max_iter", 0),
        ("min_count", 0),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
    ],
)
def test_parameters_out_of_range_are_named(parameter: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{parameter}={value!r}: expected"):
        LinearChainCRF(**{parameter: value}).fit(X, Y)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sequences", "tags", "message"),
    [
        ([], [], "no tokens to learn from"),
        ([[], []], [[], []], "no tokens to learn from"),
        (X[:2], Y[:1], "2 sequences but 1 tag sequences"),
        ([[["砚"], ["川"]]], [["O"]], "sequence 0 has 2 tokens but 1 tags"),
    ],
)
def test_sequences_and_tags_that_do_not_match(sequences: Any, tags: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LinearChainCRF().fit(sequences, tags)


@pytest.mark.parametrize("keys", [np.ones(3, np.uint64), np.ones((3, 2)), np.ones((3, 2), np.int64)])
def test_keys_of_the_wrong_shape_or_kind_name_their_sequence(fitted: LinearChainCRF, keys: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"sequence 1 is an array of .*expected uint64 keys, shape"):
        fitted.predict([X[0], keys])


@pytest.mark.parametrize(("offsets", "n_gold"), [([0, 3], 3), ([0, 5], 4), ([1, 4], 4), ([0, 3, 2, 4], 4)])
def test_packed_arrays_that_do_not_match(offsets: list[int], n_gold: int) -> None:
    with pytest.raises(InputError, match=r"offsets .*from 0 to|4 rows of keys"):
        LinearChainCRF().fit_arrays(
            np.ones((4, 1), np.uint64), np.array(offsets, np.int64), np.zeros(n_gold, np.int64), ["O"]
        )


def test_packed_gold_outside_the_tags() -> None:
    with pytest.raises(InputError, match="gold points outside the 2 tags"):
        LinearChainCRF().fit_arrays(np.ones((1, 1), np.uint64), np.array([0, 1]), np.array([2]), ["O", "S-地"])


@pytest.mark.parametrize("method", ["predict", "predict_marginals"])
def test_predicting_before_fit_says_what_to_do(method: str) -> None:
    with pytest.raises(NotFittedError, match=r"LinearChainCRF is not fitted yet: call fit"):
        getattr(LinearChainCRF(), method)(X)
