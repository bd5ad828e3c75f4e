"""n-best paths, spans, candidates, thresholds and explanations of the CRF against enumeration of everything."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.crf import _candidates
from tagger.crf._exp import exp_below_top
from tagger.crf.linear_chain import LinearChainCRF, Segments
from tagger.crf.scheme import bioes_tags, label_tags, open_edges, tags_to_spans
from tagger.errors import InputError

TAGS = bioes_tags(["地名", "机构"])
seeds = st.integers(0, 2**32 - 1)
thresholds = st.sampled_from([0.02, 0.1, 0.3, 0.45, 0.7])


def chain(
    rng: np.random.Generator, *, tags: list[str] = TAGS, size: float = 1.0, whole: bool = False
) -> LinearChainCRF:
    """A CRF with random transitions and no attributes; `whole` numbers tie often and add without rounding."""
    crf = LinearChainCRF()
    crf.tags_ = tags
    edges = (rng.normal(0, size, edge.shape) + edge for edge in open_edges(tags, "bioes"))
    crf.transitions_, crf.start_, crf.end_ = (np.round(edge) if whole else edge for edge in edges)
    return crf


def legal_paths(crf: LinearChainCRF, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every legal path and its log-score, in the order in which equal ones are to come."""
    paths = np.array(list(product(range(len(crf.tags_)), repeat=len(scores))), np.int64)[:, ::-1]
    total = crf.start_[paths[:, 0]] + crf.end_[paths[:, -1]] + scores[np.arange(len(scores)), paths].sum(axis=1)
    total += crf.transitions_[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    legal = np.isfinite(total)
    return paths[legal], total[legal]


def exact_spans(crf: LinearChainCRF, scores: np.ndarray) -> dict[tuple[int, int, str], float]:
    """Probability of every span of any legal path."""
    paths, total = legal_paths(crf, scores)
    shares = np.exp(total - total.max())
    shares /= shares.sum()
    found: dict[tuple[int, int, str], float] = {}
    for path, share in zip(paths, shares, strict=True):
        for span in tags_to_spans([crf.tags_[j] for j in path]):
            found[span] = found.get(span, 0.0) + float(share)
    return found


def named(crf: LinearChainCRF, found: Segments) -> dict[tuple[int, int, str], float]:
    tags = [crf.tags_[tag][2:] for tag in found.tags]
    return {
        (a, b, tag): float(p) for (a, b), tag, p in zip(found.ranges.tolist(), tags, found.probabilities, strict=True)
    }


def cases(seed: int, n: int, **kind: object) -> Iterator[tuple[LinearChainCRF, np.ndarray]]:
    rng = np.random.default_rng(seed)
    for _ in range(n):
        crf = chain(rng, **kind)  # type: ignore[arg-type]
        scores = rng.normal(0, 2, (int(rng.integers(1, 5)), len(crf.tags_)))
        yield crf, np.round(scores) if kind.get("whole") else scores


# -- n-best --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["distinct", "ties"])
def test_nbest_equals_enumeration(whole: bool) -> None:
    for crf, scores in cases(0, 40, whole=whole):
        paths, total = legal_paths(crf, scores)
        order = np.argsort(-total, kind="stable")  # of equal ones the first of the enumeration
        for n in (1, 3, 10, len(paths), len(paths) + 5):
            found, log_probabilities = crf.nbest(scores, n)
            assert found.tolist() == paths[order[:n]].tolist()
            expected = total[order[:n]] - np.logaddexp.reduce(total)
            np.testing.assert_allclose(log_probabilities, expected, atol=1e-9)


def test_probabilities_of_all_paths_sum_to_one_and_none_comes_twice() -> None:
    for crf, scores in cases(1, 20):
        paths, log_probabilities = crf.nbest(scores, 10**9)  # memory follows what there is, not what was asked
        assert np.exp(log_probabilities).sum() == pytest.approx(1)
        assert len({tuple(path) for path in paths.tolist()}) == len(paths)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 60), st.integers(1, 8), st.sampled_from([0.5, 50.0, 1e5]))
def test_nbest_of_long_sequences_is_sorted_legal_and_begins_with_viterbi(
    seed: int, n_tokens: int, n: int, size: float
) -> None:
    rng = np.random.default_rng(seed)
    crf, scores = chain(rng, size=size), rng.normal(0, size, (n_tokens, len(TAGS)))
    paths, log_probabilities = crf.nbest(scores, n)
    assert paths[0].tolist() == crf.viterbi(scores).tolist()
    assert (np.diff(log_probabilities) <= 0).all()
    assert all(np.isfinite(crf.score(scores, path)) for path in paths)


def test_nbest_of_nothing_and_of_one_token() -> None:
    crf = chain(np.random.default_rng(2))
    paths, log_probabilities = crf.nbest(np.empty((0, len(TAGS))), 3)
    assert paths.shape == (1, 0)
    assert log_probabilities.tolist() == [0.0]
    paths, _ = crf.nbest(np.zeros((1, len(TAGS))), 100)
    assert sorted(crf.tags_[path[0]] for path in paths) == ["O", "S-地名", "S-机构"]


# -- spans ---------------------------------------------------------------------------------------------------------


def test_span_probabilities_equal_enumeration() -> None:
    for crf, scores in cases(3, 60):
        expected = exact_spans(crf, scores)
        ranges = [(a, b) for a in range(len(scores)) for b in range(a + 1, len(scores) + 1)]
        for label, name in enumerate(crf.span_labels):
            labels = np.full(len(ranges), label)
            found = crf.span_probabilities(scores, np.array(ranges, np.int32), labels)
            np.testing.assert_allclose(found, [expected.get((a, b, name), 0.0) for a, b in ranges], atol=1e-12)


@pytest.mark.parametrize("size", [200.0, 1e4])
def test_extreme_scores_give_exact_spans(size: float) -> None:
    rng = np.random.default_rng(4)
    for _ in range(40):
        crf = chain(rng)
        scores = rng.normal(0, size, (4, len(TAGS)))
        expected = exact_spans(crf, scores)
        found = named(crf, crf.candidate_segments(scores, np.array([0, 4]), 0.001))
        assert found == pytest.approx({span: p for span, p in expected.items() if p >= 0.001}, abs=1e-6)


def test_a_label_without_some_of_its_tags() -> None:
    rng = np.random.default_rng(5)
    tags = ["O", "S-人", "E-地", "B-地", "B-缺", "正文"]  # 地 has two tokens or none, 缺 can never end
    for _ in range(30):
        crf = chain(rng, tags=tags)
        scores = rng.normal(0, 1, (4, len(tags)))
        expected = exact_spans(crf, scores)
        assert {b - a for a, b, label in expected if label == "地"} == {2}
        assert named(crf, crf.candidate_segments(scores, np.array([0, 4]), 1e-9)) == pytest.approx(expected)
        assert crf.span_labels == ["人", "地", "缺"]
        ranges, labels = np.array([[0, 1], [0, 2], [0, 3], [1, 3]], np.int32), np.array([1, 1, 1, 2])
        found = crf.span_probabilities(scores, ranges, labels).tolist()
        assert found == pytest.approx([0, expected.get((0, 2, "地"), 0), 0, 0])


# -- candidates ----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seeds, thresholds, st.sampled_from([0.3, 2.0, 6.0]))
def test_candidates_are_exactly_the_spans_above_the_threshold(seed: int, threshold: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    crf = chain(rng, size=0.5)
    lengths = rng.integers(0, 5, 6)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    scores = rng.normal(0, size, (int(offsets[-1]), len(TAGS)))
    expected = {
        (a + first, b + first, label): p
        for first, last in pairwise(offsets.tolist())
        if last > first
        for (a, b, label), p in exact_spans(crf, scores[first:last]).items()
        if p >= threshold
    }
    found = crf.candidate_segments(scores, offsets, threshold)
    assert named(crf, found) == pytest.approx(expected, abs=1e-12)
    keys = [(a, tag, b) for (a, b), tag in zip(found.ranges.tolist(), found.tags.tolist(), strict=True)]
    labels = [(a, (tag - 1) // 4, b) for a, tag, b in keys]
    assert labels == sorted(labels)


def test_more_candidates_than_there_was_room_for() -> None:
    crf = chain(np.random.default_rng(6), size=0.1)
    scores = np.zeros((60, len(TAGS)))
    found = crf.candidate_segments(scores, np.array([0, 60]), 1e-4)
    assert len(found.tags) > 500
    assert len(named(crf, found)) == len(found.tags)
    labels = (found.tags - 1) // 4
    again = crf.span_probabilities(scores, found.ranges, labels)
    np.testing.assert_allclose(found.probabilities, again, rtol=1e-12)
    cover = np.zeros(60)
    for (a, b), p in zip(found.ranges, found.probabilities, strict=True):
        cover[a:b] += p
    assert (cover <= 1 + 1e-9).all()


def test_a_sequence_is_passed_over_only_where_no_span_was_lost_to_underflow() -> None:
    # Spans only follow spans; they fall behind by exp(900), which no float holds, and win by exp(225) in the end.
    crf = chain(np.random.default_rng(7), tags=bioes_tags(["地"]), size=0.0)
    crf.transitions_[0, 1:] = -np.inf
    scores = np.zeros((30, 5))
    scores[:15, 0], scores[15:, 0] = 60.0, -75.0
    found = crf.candidate_segments(scores, np.array([0, 30]), 0.1)
    single = crf.span_probabilities(scores, np.array([[0, 1]], np.int32), np.array([0]))
    assert single[0] > 0.1
    assert found.ranges.tolist()[0] == [0, 1]
    assert found.probabilities[0] == pytest.approx(single[0])


# -- the threshold -------------------------------------------------------------------------------------------------


def best_value(spans: list[tuple[int, int, float]], threshold: float) -> float:
    """The largest sum of p - threshold over all sets of spans without overlap, by trying them all."""
    best = 0.0
    for bits in range(1 << len(spans)):
        chosen = sorted(span for i, span in enumerate(spans) if bits >> i & 1)
        if all(a[1] <= b[0] for a, b in pairwise(chosen)):
            best = max(best, sum(p - threshold for _, _, p in chosen))
    return best


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(1, 4), st.integers(1, 20)), max_size=9),
    st.sampled_from([0.05, 0.3, 0.5]),
)
def test_the_chosen_set_is_the_best_of_all(rows: list[tuple[int, int, int]], threshold: float) -> None:
    spans = sorted((a, a + length, p / 20) for a, length, p in rows)
    ranges = np.array([(a, b) for a, b, _ in spans], np.int32).reshape(-1, 2)
    probabilities = np.array([p for _, _, p in spans])
    chosen = _candidates.best_set(ranges, probabilities, threshold, 12)
    kept = [span for span, keep in zip(spans, chosen, strict=True) if keep]
    assert all(a[1] <= b[0] for a, b in pairwise(kept))
    assert sum(p - threshold for _, _, p in kept) == pytest.approx(best_value(spans, threshold))


@settings(max_examples=40, deadline=None)
@given(seeds, thresholds, st.sampled_from([0.3, 2.0, 6.0]))
def test_decoding_by_a_threshold_is_the_best_set_of_exact_spans(seed: int, threshold: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    crf = chain(rng, size=0.5)
    scores = rng.normal(0, size, (8, len(TAGS)))
    offsets = np.array([3, 7, 7, 11])
    expected = 0.0
    for part in (scores[:4], scores[4:]):
        spans = [(a, b, p) for (a, b, _), p in exact_spans(crf, part).items() if p > threshold]
        expected += best_value(sorted(spans)[:14], threshold) if len(spans) <= 14 else np.nan
    found = crf.decode_segments(scores, offsets, threshold=threshold)
    assert all(a[1] <= b[0] for a, b in pairwise(found.ranges.tolist()))
    assert all((a < 7 and b <= 7) or a >= 7 for a, b in found.ranges.tolist())
    if not np.isnan(expected):
        assert (found.probabilities - threshold).sum() == pytest.approx(expected, abs=1e-9)


def test_a_lower_threshold_never_finds_less_mass_and_a_high_one_finds_what_is_sure() -> None:
    rng = np.random.default_rng(8)
    crf = chain(rng)
    scores, offsets = rng.normal(0, 2, (400, len(TAGS))), np.arange(0, 401, 20)
    found = [crf.decode_segments(scores, offsets, threshold=t) for t in (0.1, 0.3, 0.5, 0.9)]
    assert sorted((len(part.tags) for part in found), reverse=True) == [len(part.tags) for part in found]
    for threshold, part in zip((0.1, 0.3, 0.5, 0.9), found, strict=True):
        assert (part.probabilities > threshold).all()
    sure = crf.candidate_segments(scores, offsets, 0.5)
    assert named(crf, found[2]) == named(crf, sure)  # above one half none overlap: all of them are taken


def test_batches_do_not_change_what_is_found() -> None:
    rng = np.random.default_rng(9)
    crf = chain(rng)
    scores, offsets = rng.normal(0, 2, (90, len(TAGS))), np.array([0, 30, 31, 90])
    for threshold in (None, 0.4):
        many = crf.decode_segments(scores, offsets, threshold=threshold)
        parts = [crf.decode_segments(scores[a:b], np.array([a, b]), threshold=threshold) for a, b in pairwise(offsets)]
        for i in range(3):
            assert np.array_equal(many[i], np.concatenate([part[i] for part in parts]))


@pytest.mark.parametrize("threshold", [None, 0.4])
def test_nothing_in_nothing_out(threshold: float | None) -> None:
    crf = chain(np.random.default_rng(10))
    for offsets in ([0], [0, 0, 0], [5, 5]):
        found = crf.decode_segments(np.empty((0, len(TAGS))), np.array(offsets), threshold=threshold)
        assert [len(part) for part in found] == [0, 0, 0]


def test_two_threads_find_what_one_finds() -> None:
    rng = np.random.default_rng(11)
    keys = rng.integers(1, 2**64, 50, dtype=np.uint64)[rng.integers(0, 50, (3000, 4))]
    offsets = np.arange(0, 3001, 30)
    gold = np.zeros(3000, np.int64)
    gold[rng.random(3000) < 0.2] = TAGS.index("S-机构")
    crf = LinearChainCRF(max_iter=2).fit_arrays(keys, offsets, gold, TAGS)

    def decode(i: int, threshold: float | None) -> list[list[float]]:
        part = keys[300 * i : 300 * (i + 1)]
        found = crf.decode_segments(crf.emissions(part), np.arange(0, 301, 30), threshold=threshold)
        return [array.tolist() for array in found]

    for threshold in (None, 0.3):
        alone = [decode(i, threshold) for i in range(10)]
        crf.__dict__.pop("_found", None)  # the first threads to come lay out the weights
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda i, t=threshold: decode(i, t), range(10))) == alone
    assert any(found[0] for found in alone)


# -- explanations --------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_an_explanation_adds_up_to_the_difference_of_the_scores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    crf = explained()
    n = int(rng.integers(1, 9))
    keys = POOL[rng.integers(0, len(POOL), (n, 3))]
    keys[rng.random((n, 3)) < 0.2] = 0
    scores = crf.emissions(keys)
    paths, _ = crf.nbest(scores, 6)
    path, other = paths[rng.integers(0, len(paths), 2)]
    differ = np.flatnonzero(path != other)
    first, last = (int(differ[0]), int(differ[-1]) + 1) if len(differ) else (0, n)
    why = crf.explain_tokens(keys, first, last, path, other)
    assert why.attributes.shape == (last - first, 3)
    assert why.transitions.shape == (last - first + 1,)
    expected = crf.score(scores, path) - crf.score(scores, other)
    assert why.total == pytest.approx(expected, abs=1e-6)
    assert (why.attributes[keys[first:last] == 0] == 0).all()
    whole = crf.explain_tokens(keys, 0, n, path, other)
    assert whole.total == pytest.approx(expected, abs=1e-6)
    rows = dict(zip(crf.keys_.tolist(), pairwise(crf.indptr_.tolist()), strict=False))
    for t, row in enumerate(keys.tolist()):
        for a, key in enumerate(row):
            dense = np.zeros(len(TAGS))
            first, last = rows.get(key, (0, 0))
            dense[crf.weight_tags_[first:last]] = crf.weights_[first:last]
            assert whole.attributes[t, a] == pytest.approx(dense[path[t]] - dense[other[t]], abs=1e-6)


POOL = np.random.default_rng(12).integers(1, 2**64, 30, dtype=np.uint64)
_EXPLAINED: list[LinearChainCRF] = []


def explained() -> LinearChainCRF:
    """A fitted CRF over the keys of POOL, made once."""
    if not _EXPLAINED:
        rng = np.random.default_rng(13)
        keys, gold = POOL[rng.integers(0, 30, (400, 3))], np.tile([0, 1, 2, 3, 0, 5, 7, 8], 50)
        _EXPLAINED.append(LinearChainCRF(max_iter=3).fit_arrays(keys, np.arange(0, 401, 8), gold, TAGS))
    return _EXPLAINED[0]


# -- what users get wrong ------------------------------------------------------------------------------------------

SCORES = np.zeros((3, len(TAGS)))
ONE = np.array([0, 3])


def test_scores_of_another_model() -> None:
    crf = chain(np.random.default_rng(14))
    message = r"scores of shape \(3, 4\): expected \(n_tokens, 9\)"
    with pytest.raises(InputError, match=message):
        crf.viterbi(SCORES[:, :4])
    with pytest.raises(InputError, match=message):
        crf.nbest(SCORES[:, :4], 2)
    with pytest.raises(InputError, match=message):
        crf.decode_segments(SCORES[:, :4], ONE)


@pytest.mark.parametrize("offsets", [[], [0, 2], [0, 2, 1, 3], [0, 4]])
@pytest.mark.parametrize("threshold", [None, 0.5])
def test_offsets_that_are_not_those_of_the_scores(offsets: list[int], threshold: float | None) -> None:
    with pytest.raises(InputError, match="offsets of sequences must rise by the number of tokens, 3"):
        chain(np.random.default_rng(15)).decode_segments(SCORES, np.array(offsets, np.int64), threshold=threshold)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, 2, float("nan")])
def test_thresholds_that_are_no_probability(threshold: float) -> None:
    crf = chain(np.random.default_rng(16))
    with pytest.raises(InputError, match=r"threshold=.*: expected a probability between 0 and 1, or None"):
        crf.decode_segments(SCORES, ONE, threshold=threshold)
    if threshold != 1:
        with pytest.raises(InputError, match=r"threshold=.*: expected a probability above 0"):
            crf.candidate_segments(SCORES, ONE, threshold)


@pytest.mark.parametrize(
    ("ranges", "labels", "message"),
    [
        ([[0, 0]], [0], r"range \[0, 0\]: empty, or outside the 3 tokens"),
        ([[0, 1], [2, 4]], [0, 0], r"range \[2, 4\]: empty, or outside"),
        ([[-1, 1]], [0], r"range \[-1, 1\]: empty, or outside"),
        ([[0, 1]], [2], r"labels \[2\]: expected one a range \(1\), from 0 to before 2"),
        ([[0, 1]], [-1], r"labels \[-1\]: expected one a range"),
        ([[0, 1]], [0] * 9, r"labels \[0, 0, 0, 0, 0, 0, 0, 0, …\]: expected one a range"),
        ([[0, 1, 2]], [0], r"ranges of shape \(1, 3\): expected \(n_ranges, 2\)"),
    ],
)
def test_ranges_and_labels_that_do_not_exist(ranges: list[list[int]], labels: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        chain(np.random.default_rng(17)).span_probabilities(SCORES, np.array(ranges, np.int32), np.array(labels))


def test_no_ranges_are_no_error() -> None:
    found = chain(np.random.default_rng(18)).span_probabilities(
        SCORES, np.empty((0, 2), np.int32), np.empty(0, np.int64)
    )
    assert found.shape == (0,)


@pytest.mark.parametrize("n", [0, -3])
def test_no_paths_asked_for(n: int) -> None:
    with pytest.raises(InputError, match="ask for at least one path"):
        chain(np.random.default_rng(19)).nbest(SCORES, n)


@pytest.mark.parametrize(
    ("first", "last", "path", "other", "message"),
    [
        (0, 4, [0, 0, 0], [0, 0, 0], r"tokens \[0, 4\): outside the 3 tokens"),
        (2, 1, [0, 0, 0], [0, 0, 0], r"tokens \[2, 1\): outside"),
        (0, 1, [0, 0, 4], [0, 0, 0], r"the paths differ outside the tokens \[0, 1\)"),
        (0, 3, [0, 0], [0, 0, 0], "a path of 2 tags for 3 tokens"),
        (0, 3, [0, 0, 9], [0, 0, 0], r"path \[0, 0, 9\]: expected tag indices from 0 to before 9"),
        (0, 3, [0, 0, 1], [0, 0, 0], "one of the paths is illegal"),
    ],
)
def test_explanations_that_cannot_be_given(
    first: int, last: int, path: list[int], other: list[int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        explained().explain_tokens(np.zeros((3, 2), np.uint64), first, last, np.array(path), np.array(other))


# -- parts ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-800, 800), min_size=1, max_size=45))
def test_exponentials_of_rows_are_those_of_numpy(values: list[float]) -> None:
    row = np.array([values])
    out = np.empty_like(row)
    assert exp_below_top(row, out) == row.max()
    expected = np.exp(row - row.max())
    np.testing.assert_allclose(out, np.where(expected < 3.4e-308, out, expected), rtol=1e-15)
    assert ((out > 0) <= (expected > 0)).all()
    assert out.max() == 1.0


@given(st.lists(st.sampled_from(["地", "人", "A-B", "O", ""]), max_size=5, unique=True))
def test_labels_of_all_tags_stand_in_their_order(labels: list[str]) -> None:
    names, positions = label_tags(bioes_tags(labels))
    assert names == labels
    assert positions.ravel().tolist() == list(range(1, 4 * len(labels) + 1))
