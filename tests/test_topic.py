from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack

from tagger.errors import ConfigurationError, InputError, NotFittedError
from tagger.features.vectorizer import ArticleVectorizer, Row
from tagger.text.segmenter import Segmenter
from tagger.topic import TopicClassifier, expected_f1_threshold
from training.metrics import calibration_error

CITIES = ("砚川市", "鹿泷县", "鹭洲市", "霁城", "云矶区", "石湫镇")
SENTENCES = {
    "audit": ("审计局通报审计整改情况", "审计组核查专项资金", "听取审计工作汇报"),
    "elections": ("换届选举选民登记展开", "选区公布代表候选人名单", "选民投票选出代表"),
    "parks": ("产业园区签约新项目", "高新区标准厂房投产", "园区亩均税收增长"),
}
OTHER = ("花市今日开市游客如织", "新桥合龙行人称便", "春茶开采茶农忙", "图书馆夜间开放")


def corpus(n: int, *, seed: int = 0) -> tuple[list[str], list[list[str]]]:
    """Make articles of none, one or two topics, among sentences of no topic."""
    rng = np.random.default_rng(seed)
    texts, topics = [], []
    for _ in range(n):
        chosen = sorted(rng.choice(list(SENTENCES), size=rng.choice([0, 1, 1, 2]), replace=False).tolist())
        lines = [str(rng.choice(SENTENCES[topic])) for topic in chosen] + rng.choice(OTHER, 2).tolist()
        texts.append("。".join(f"{rng.choice(CITIES)}{line}" for line in rng.permutation(lines)))
        topics.append(chosen)
    return texts, topics


@pytest.fixture(scope="module")
def vectorizer() -> ArticleVectorizer:
    return ArticleVectorizer(min_df=2).fit(corpus(120)[0])


@pytest.fixture(scope="module")
def fitted(vectorizer: ArticleVectorizer) -> TopicClassifier:
    texts, topics = corpus(120)
    return TopicClassifier(cv=4).fit(vectorizer.transform(texts), topics)


# ---- what it predicts ------------------------------------------------------------------------------------------------


def test_several_topics_one_or_none(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    X = vectorizer.transform(
        [
            "砚川市审计局通报审计整改情况。产业园区签约新项目。高新区标准厂房投产。审计组核查专项资金。",
            "换届选举选民登记展开。选民投票选出代表。",
            "花市今日开市游客如织。新桥合龙行人称便。",
            "",
            "𠀋👩\u200d🌾",
        ]
    )
    assert [sorted(topics) for topics in fitted.predict(X)] == [["audit", "parks"], ["elections"], [], [], []]


def test_unseen_articles(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    texts, topics = corpus(200, seed=1)
    X = vectorizer.transform(texts)
    assert fitted.score(X, topics) > 0.97
    assert [sorted(found) for found in fitted.predict(X)[:20]] == topics[:20]


def test_score_is_macro_f1(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    X = vectorizer.transform(["审计局通报审计整改情况", "花市今日开市游客如织"])
    assert fitted.predict(X) == [["audit"], []]
    # audit: one hit, one miss; elections: never there, never said; parks: one miss
    assert fitted.score(X, [["audit", "parks"], ["audit"]]) == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_best_topic_first(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    X = vectorizer.transform(corpus(50, seed=2)[0])
    for row, topics in zip(fitted.predict_proba(X), fitted.predict(X), strict=True):
        probabilities = [row[fitted.classes_.index(topic)] for topic in topics]
        assert probabilities == sorted(probabilities, reverse=True)


def test_probabilities_rise_with_the_score(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    X = vectorizer.transform(corpus(80, seed=3)[0])
    scores, probabilities = fitted.decision_function(X), fitted.predict_proba(X)
    assert probabilities.shape == (80, 3)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    for k in range(3):
        assert (np.diff(probabilities[np.argsort(scores[:, k]), k]) >= 0).all()


def test_a_topic_is_accepted_from_its_threshold_on(fitted: TopicClassifier) -> None:
    at = fitted.thresholds_
    assert fitted.accepted(at) == np.argsort(-at, kind="stable").tolist()
    assert fitted.accepted(np.nextafter(at, 0)) == []
    assert fitted.accepted(np.array([at[0], 0.0, 1.0])) == [2, 0]


def test_one_row_equals_many(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    texts = [*corpus(30, seed=4)[0], "", "。", "砚"]
    many = fitted.predict_proba(vectorizer.transform(texts))
    segmenter = Segmenter()
    for text, expected in zip(texts, many, strict=True):
        row = vectorizer.row(text, segmenter.boundaries(text))
        np.testing.assert_allclose(fitted.row_probabilities(row), expected, rtol=1e-5, atol=1e-7)


def test_an_extreme_score_is_no_overflow(fitted: TopicClassifier) -> None:
    for value in (3e38, -3e38):
        found = fitted.row_probabilities(Row(np.zeros(1, np.int32), np.array([value], np.float32)))
        assert ((found >= 0) & (found <= 1)).all()


# ---- what it learns --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [None, (), [], set()])
def test_no_topic_is_said_in_many_ways(vectorizer: ArticleVectorizer, nothing: Any) -> None:
    texts, topics = corpus(40)
    X = vectorizer.transform(texts)
    expected = TopicClassifier(cv=3).fit(X, topics)
    found = TopicClassifier(cv=3).fit(X, [one or nothing for one in topics])
    np.testing.assert_array_equal(found.coef_, expected.coef_)


def test_a_str_is_one_topic(vectorizer: ArticleVectorizer) -> None:
    texts, topics = corpus(60)
    single = [one[0] if one else None for one in topics]
    X = vectorizer.transform(texts)
    found = TopicClassifier(cv=3).fit(X, single)
    expected = TopicClassifier(cv=3).fit(X, [one[:1] for one in topics])
    assert found.classes_ == ["audit", "elections", "parks"]
    np.testing.assert_array_equal(found.coef_, expected.coef_)


def test_the_same_again(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    texts, topics = corpus(120)
    X = vectorizer.transform(texts)
    before = X.copy()
    again = TopicClassifier(cv=4)
    again.fit(vectorizer.transform(corpus(30, seed=9)[0]), ["x"] * 15 + [None] * 15)  # forgotten by the second fit
    assert again.fit(X, topics) is again
    for name, array in fitted.to_state()[1].items():
        np.testing.assert_array_equal(again.to_state()[1][name], array)
    assert (X != before).nnz == 0


def test_dense_rows(vectorizer: ArticleVectorizer) -> None:
    texts, topics = corpus(40)
    X = vectorizer.transform(texts)
    dense = TopicClassifier(cv=3).fit(X.toarray(), topics)
    np.testing.assert_array_equal(dense.coef_, TopicClassifier(cv=3).fit(X, topics).coef_)
    np.testing.assert_allclose(dense.predict_proba(X.toarray()), dense.predict_proba(X))


class Spy(TopicClassifier):
    """Remembers which rows each machine learned from: every row of `X` holds its own number in column 0."""

    def __init__(self, *, cv: int = 5) -> None:
        super().__init__(cv=cv)
        self.seen: list[set[int]] = []

    def _fit_binary(self, X: Any, positive: np.ndarray) -> tuple[np.ndarray, float]:
        self.seen.append(set(X[:, 0].toarray().ravel().astype(int).tolist()))
        return np.zeros(X.shape[1]), 0.0


def numbered(first: int, n: int) -> csr_matrix:
    return csr_matrix(np.column_stack([np.arange(first, first + n), np.ones(n)]))


def test_a_group_is_held_out_whole_with_its_extra_rows() -> None:
    groups = [0, 0, 1, 2, 2, 2, 3, 4, 5, 5]
    extra_groups = [0, 2, 5, 9]
    spy = Spy(cv=3)
    spy.fit(numbered(0, 10), ["audit", None] * 5, groups=groups, extra=(numbered(10, 4), [None] * 4, extra_groups))
    group_of = dict(enumerate(groups + extra_groups))
    everything, *folds = spy.seen
    assert everything == set(range(14))
    assert len(folds) == 3
    judged: list[int] = []
    for seen in folds:
        held_out = everything - seen
        assert not {group_of[i] for i in held_out} & {group_of[i] for i in seen}
        judged += [i for i in held_out if i < 10]
    assert sorted(judged) == list(range(10))
    assert spy.out_of_fold_.shape == (10, 1)
    assert all(13 in seen for seen in folds)  # an extra row of a group that is never judged


def test_extra_rows_are_learned_from(vectorizer: ArticleVectorizer) -> None:
    texts, topics = corpus(40)
    more, more_topics = corpus(40, seed=5)
    X, extra = vectorizer.transform(texts), vectorizer.transform(more)
    found = TopicClassifier(cv=3).fit(X, topics, extra=(extra, more_topics, range(100, 140)))
    expected = TopicClassifier(cv=3).fit(vstack([X, extra]).tocsr(), topics + more_topics)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert found.out_of_fold_.shape == (40, 3)


def test_a_topic_of_extra_rows_alone_is_not_learned(vectorizer: ArticleVectorizer) -> None:
    texts, topics = corpus(20)
    extra = (vectorizer.transform(["海报"]), [["posters"]], [99])
    assert "posters" not in TopicClassifier(cv=3).fit(vectorizer.transform(texts), topics, extra=extra).classes_


def test_probabilities_of_held_out_articles_are_honest() -> None:
    """Features that say a little: the probability is the share that is right."""
    rng = np.random.default_rng(0)
    truth = rng.random(1500) < 0.3
    X = csr_matrix(np.abs(rng.normal(size=(1500, 20)) + truth[:, None] * np.array([0.8] * 4 + [0.0] * 16)))
    model = TopicClassifier(cv=5).fit(X[:1000], [["audit"] if one else [] for one in truth[:1000]])
    assert calibration_error(model.out_of_fold_[:, 0], truth[:1000]) < 0.05
    assert calibration_error(model.predict_proba(X[1000:])[:, 0], truth[1000:]) < 0.08


# ---- rare, common, unlearnable ---------------------------------------------------------------------------------------


def test_a_topic_seen_once(vectorizer: ArticleVectorizer) -> None:
    texts, topics = corpus(60)
    topics[7] = [*topics[7], "lone"]
    X = vectorizer.transform(texts)
    model = TopicClassifier(cv=3).fit(X, topics)
    assert sum("lone" in found for found in model.predict(X)) <= 10
    assert model.score(X, [[t for t in one if t != "lone"] for one in topics]) > 0.7


def test_a_topic_of_all_articles(vectorizer: ArticleVectorizer) -> None:
    texts, topics = corpus(30)
    X = vectorizer.transform(texts)
    model = TopicClassifier(cv=3).fit(X, [[*one, "news"] for one in topics])
    assert all("news" in found for found in model.predict(vectorizer.transform([*texts, "", "砚"])))
    assert (model.predict_proba(X)[:, model.classes_.index("news")] > 0.9).all()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_topic_that_nothing_speaks_for_is_not_in_every_article(share: float) -> None:
    rng = np.random.default_rng(1)
    X = csr_matrix(rng.random((200, 5)))
    y = [["noise"] if i < 200 * share else [] for i in range(200)]
    model = TopicClassifier(cv=4).fit(X, y)
    new = model.predict(csr_matrix(rng.random((300, 5))))
    assert sum(map(len, new)) < 300 * 0.75
    assert 0.3 * share < model.predict_proba(csr_matrix(rng.random((300, 5)))).mean() < min(1, 2.5 * share)


def test_scores_that_mislead_leave_how_common_the_topic_is() -> None:
    from tagger.topic import _fit_sigmoid

    truth = np.arange(40) % 4 == 0
    slope, offset = _fit_sigmoid(np.where(truth, -1.0, 1.0) - 2, truth)
    assert slope > 0
    assert 1 / (1 + np.exp(-(slope * -3 + offset))) == pytest.approx(0.25)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_articles_than_parts(n: int) -> None:
    model = TopicClassifier(cv=5).fit(csr_matrix(np.eye(n)), [["audit"], [], ["audit"]][:n])
    assert np.isfinite(model.predict_proba(csr_matrix(np.eye(n)))).all()


def test_one_group_only() -> None:
    X = csr_matrix(np.eye(6))
    model = TopicClassifier(cv=2).fit(X, ["audit", None] * 3, groups=[4] * 6)
    assert np.isfinite(model.predict_proba(X)).all()


# ---- thresholds ------------------------------------------------------------------------------------------------------


def expected_f1(probabilities: Sequence[float], n_accepted: int) -> float:
    best = sorted(probabilities, reverse=True)[:n_accepted]
    return 2 * sum(best) / (n_accepted + sum(probabilities))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=30))
def test_threshold_is_half_the_best_expected_f1(probabilities: list[float]) -> None:
    threshold = expected_f1_threshold(np.array(probabilities))
    best = max(expected_f1(probabilities, m) for m in range(1, len(probabilities) + 1))
    assert threshold == pytest.approx(best / 2)
    accepted = sum(p >= threshold for p in probabilities)
    assert expected_f1(probabilities, accepted) == pytest.approx(best)


def true_expected_f1(probabilities: np.ndarray, accepted: np.ndarray) -> float:
    """Mean F1 over all outcomes of independent draws, each weighted by its probability."""
    total = 0.0
    for outcome in range(2 ** len(probabilities)):
        truth = (outcome >> np.arange(len(probabilities))) & 1
        weight = np.prod(np.where(truth, probabilities, 1 - probabilities))
        total += weight * (2 * (truth * accepted).sum() / max(1, truth.sum() + accepted.sum()))
    return total


def test_threshold_against_all_outcomes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = rng.beta(0.4, 0.8, size=9)
        found = true_expected_f1(p, p >= expected_f1_threshold(p))
        best = max(true_expected_f1(p, p >= t) for t in p)
        assert found > best - 0.05


# ---- state and errors ------------------------------------------------------------------------------------------------


def test_state_comes_back(vectorizer: ArticleVectorizer, fitted: TopicClassifier) -> None:
    X = vectorizer.transform(corpus(40, seed=6)[0])
    again = TopicClassifier.from_state(*fitted.to_state())
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.predict(X) == fitted.predict(X) == pickle.loads(pickle.dumps(fitted)).predict(X)


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("coef", np.zeros((5, 2), np.float32), r"'coef' has shape \(5, 2\), expected \(5, 3\)"),
        ("coef", np.zeros((), np.float32), r"'coef' has shape \(\), expected \(3,\)"),
        ("intercept", np.zeros(2), r"'intercept' has shape \(2,\), expected \(3,\)"),
        ("calibration", np.zeros(3), r"'calibration' has shape \(3,\), expected \(3, 2\)"),
        ("thresholds", np.zeros((3, 1)), r"'thresholds' has shape \(3, 1\), expected \(3,\)"),
    ],
)
def test_state_that_does_not_fit(fitted: TopicClassifier, name: str, array: np.ndarray, said: str) -> None:
    meta, arrays = fitted.to_state()
    with pytest.raises(InputError, match=said):
        TopicClassifier.from_state(meta, {**arrays, name: array})


def test_wrong_numbers_of_rows(vectorizer: ArticleVectorizer) -> None:
    X = vectorizer.transform(corpus(4)[0])
    with pytest.raises(InputError, match="4 rows, 3 lists of topics and 4 groups"):
        TopicClassifier().fit(X, ["audit"] * 3)
    with pytest.raises(InputError, match="4 rows, 4 lists of topics and 2 groups"):
        TopicClassifier().fit(X, ["audit"] * 4, groups=[0, 1])
    with pytest.raises(InputError, match="4 rows, 1 lists of topics and 4 groups"):
        TopicClassifier().fit(X, ["audit"] * 4, extra=(X, ["audit"], [0, 1, 2, 3]))


def test_rows_of_another_vectorizer(fitted: TopicClassifier) -> None:
    with pytest.raises(InputError, match=r"rows of 2 features, expected \d+: use the vectorizer of the fit"):
        fitted.predict(csr_matrix(np.eye(2)))


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([[], None, ()], "no article has a topic"),
        ([["audit"], [3], []], "article 1: topic 3 is int, expected str"),
        (["audit", 7, None], "article 1: its topics are int, expected a collection of str"),
    ],
)
def test_topics_that_are_none(y: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        TopicClassifier().fit(csr_matrix(np.eye(3)), y)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"C": 0}, "C=0: expected a number above 0"),
        ({"nb_C": -1.0}, "nb_C=-1.0: expected"),
        ({"nb_alpha": float("nan")}, "nb_alpha=nan: expected"),
        ({"cv": 1}, "cv=1: expected at least 2 parts"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        TopicClassifier(**parameters).fit(csr_matrix(np.eye(3)), ["audit"] * 3)


def test_not_fitted() -> None:
    for ask in (TopicClassifier().predict, TopicClassifier().predict_proba, TopicClassifier().row_probabilities):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask(csr_matrix(np.eye(3)))
    with pytest.raises(NotFittedError):
        TopicClassifier().to_state()
