"""Topics of an article: several, one or none, with probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from tagger._estimator import Estimator
from tagger._typing import BoolArray, F32Array, F64Array, I64Array
from tagger.errors import ConfigurationError, InputError
from tagger.features.vectorizer import Row

__all__ = ["TopicClassifier", "expected_f1_threshold"]

_TINY = 1e-9


class TopicClassifier(Estimator):
    r"""Say which topics an article has.

    Each topic is a question of its own, so that an article can have several or none. Its score is the mean of two
    linear support vector machines [1]_, each divided by the spread of its training scores: one on the TF-IDF rows,
    one on the rows weighted by the naive Bayes log-count ratio [2]_. Both are linear, so that the sum is stored as
    one weight a feature.

    Scores become probabilities by a sigmoid [3]_ fitted to scores of articles that were held out in turn. A topic is
    accepted from the probability on where the F1 that these probabilities let expect is highest [4]_: on rare topics
    this is steadier than the threshold that happened to be best. It must also beat how common the topic is.

    Parameters
    ----------
    C, nb_C : float
        Inverse regularisation of the plain and of the naive-Bayes-weighted machine; both weight the classes evenly.
    nb_alpha : float
        Count added to every feature in the naive Bayes ratio.
    cv : int
        Parts that are held out in turn for the probabilities.
    random_state : int

    Attributes
    ----------
    classes_ : list of str
        Topics, sorted.
    coef_ : ndarray of float32, shape (n_features, n_topics)
    intercept_ : ndarray of shape (n_topics,)
    calibration_ : ndarray of shape (n_topics, 2)
        The probability of topic ``k`` is ``1 / (1 + exp(-(calibration_[k, 0] * score + calibration_[k, 1])))``.
    thresholds_ : ndarray of shape (n_topics,)
        Probability from which on each topic is accepted.
    out_of_fold_ : ndarray of shape (n_articles, n_topics)
        Probabilities of the training articles, each by a model that had not seen it; not kept by a store.

    References
    ----------
    .. [1] Fan et al. (2008), LIBLINEAR: a library for large linear classification. JMLR 9.
    .. [2] Wang, Manning (2012), Baselines and bigrams: simple, good sentiment and topic classification. ACL.
    .. [3] Platt (1999), Probabilistic outputs for support vector machines.
    .. [4] Lipton, Elkan, Naryanaswamy (2014), Optimal thresholding of classifiers to maximize F1. ECML.

    Examples
    --------
    >>> from tagger.features.vectorizer import ArticleVectorizer
    >>> texts = ["审计局通报审计整改情况", "高新区签约新项目", "花市今日开市"] * 6
    >>> vectorizer = ArticleVectorizer(min_df=2)
    >>> X = vectorizer.fit_transform(texts)
    >>> model = TopicClassifier(cv=3).fit(X, [["audit"], ["industrial_parks"], []] * 6)
    >>> model.predict(vectorizer.transform(["市审计局开展审计", "花市"]))
    [['audit'], []]
    """

    _estimator_type = "classifier"

    classes_: list[str]
    coef_: F32Array
    intercept_: F64Array
    calibration_: F64Array
    thresholds_: F64Array
    out_of_fold_: F64Array

    def __init__(
        self,
        *,
        C: float = 0.25,
        nb_C: float = 0.05,
        nb_alpha: float = 0.1,
        cv: int = 5,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.nb_C = nb_C
        self.nb_alpha = nb_alpha
        self.cv = cv
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Sequence[Collection[str] | str | None],
        *,
        groups: Sequence[int] | None = None,
        extra: tuple[Any, Sequence[Collection[str] | str | None], Sequence[int]] | None = None,
    ) -> Self:
        """Learn from TF-IDF rows and the topics of each.

        Parameters
        ----------
        X : sparse matrix of shape (n_articles, n_features)
        y : sequence
            The topics of each article: a collection of str (empty for none of them), a str for one, or None.
        groups : sequence of int, optional
            Articles of one group (near-duplicates) are held out together.
        extra : (X, y, groups), optional
            Rows to learn from that are never held out to be judged, such as the leads of the same articles: while a
            group is held out, so are its extra rows.

        Raises
        ------
        InputError
            If rows, topics and groups differ in number, or there is no topic at all.
        ConfigurationError
            If a parameter is out of range.
        """
        self._check_parameters()
        data = _Data.of(X, y, groups if groups is not None else range(X.shape[0]))
        self.classes_ = sorted({topic for topics in data.topics for topic in topics})
        if not self.classes_:
            raise InputError("no article has a topic: give at least one that has")
        learned = data if extra is None else data.with_extra(_Data.of(*extra))
        n_topics = len(self.classes_)
        self.coef_ = np.zeros((X.shape[1], n_topics), np.float32)
        self.intercept_ = np.zeros(n_topics)
        self.calibration_ = np.zeros((n_topics, 2))
        self.thresholds_ = np.zeros(n_topics)
        self.out_of_fold_ = np.zeros((X.shape[0], n_topics))
        for k, topic in enumerate(self.classes_):
            truth = np.array([topic in topics for topics in data.topics])
            positive = np.array([topic in topics for topics in learned.topics])
            self.coef_[:, k], self.intercept_[k] = self._fit_binary(learned.X, positive)
            held_out = self._held_out_scores(data, learned, truth, positive)
            self.calibration_[k] = _fit_sigmoid(held_out, truth)
            self.out_of_fold_[:, k] = _sigmoid(self.calibration_[k, 0] * held_out + self.calibration_[k, 1])
            self.thresholds_[k] = max(expected_f1_threshold(self.out_of_fold_[:, k]), _chance(truth))
        return self

    def decision_function(self, X: Any) -> F64Array:
        """Return the score of each topic: shape (n_articles, n_topics)."""
        self._check_fitted("coef_")
        if X.shape[1] != len(self.coef_):
            raise InputError(
                f"rows of {X.shape[1]} features, expected {len(self.coef_)}: use the vectorizer of the fit"
            )
        scores: F64Array = X.astype(np.float64) @ self.coef_.astype(np.float64) + self.intercept_
        return scores

    def predict_proba(self, X: Any) -> F64Array:
        """Return the probability of each topic: shape (n_articles, n_topics); the topics need not sum to 1."""
        return self._probabilities(self.decision_function(X))

    def predict(self, X: Any) -> list[list[str]]:
        """Return the accepted topics of each article, best first; an empty list is none of them."""
        return [[self.classes_[k] for k in self.accepted(row)] for row in self.predict_proba(X)]

    def score(self, X: Any, y: Sequence[Collection[str] | str | None]) -> float:
        """Return the macro-F1 over the topics."""
        predicted = [set(topics) for topics in self.predict(X)]
        gold = [set(_topics(i, topics)) for i, topics in enumerate(y)]
        scores = []
        for topic in self.classes_:
            hits = sum(topic in p and topic in g for p, g in zip(predicted, gold, strict=True))
            total = sum(topic in p for p in predicted) + sum(topic in g for g in gold)
            scores.append(2 * hits / total if total else 1.0)
        return float(np.mean(scores))

    def row_probabilities(self, row: Row) -> F64Array:
        """Return the probability of each topic for one row of an ArticleVectorizer: shape (n_topics,)."""
        self._check_fitted("coef_")
        return self._probabilities(row.values @ self.coef_[row.columns] + self.intercept_)

    def accepted(self, probabilities: F64Array) -> list[int]:
        """Return the indices of the topics whose probability (n_topics,) reaches its threshold, best first."""
        return [int(k) for k in np.argsort(-probabilities, kind="stable") if probabilities[k] >= self.thresholds_[k]]

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return parameters and topics as plain data, and the learned arrays, for a store to keep."""
        self._check_fitted("coef_")
        names = ("coef", "intercept", "calibration", "thresholds")
        return (
            {"parameters": self.get_params(), "topics": list(self.classes_)},
            {name: getattr(self, f"{name}_") for name in names},
        )

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Build the classifier again from what :meth:`to_state` gave.

        Raises
        ------
        InputError
            If the arrays do not fit the topics.
        """
        model = cls(**meta["parameters"])
        model.classes_ = list(meta["topics"])
        n = len(model.classes_)
        shapes = {"coef": (*arrays["coef"].shape[:1], n), "intercept": (n,), "calibration": (n, 2), "thresholds": (n,)}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise InputError(f"topic array {name!r} has shape {arrays[name].shape}, expected {shape}")
            setattr(model, f"{name}_", arrays[name])
        return model

    def _check_parameters(self) -> None:
        for name in ("C", "nb_C", "nb_alpha"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}={getattr(self, name)!r}: expected a number above 0")
        if self.cv < 2:
            raise ConfigurationError(f"cv={self.cv!r}: expected at least 2 parts")

    def _fit_binary(self, X: Any, positive: BoolArray) -> tuple[F64Array, float]:
        """Weights (n_features,) and intercept of one topic."""
        if positive.all() or not positive.any():
            return np.zeros(X.shape[1]), 1.0 if positive.any() else -1.0
        ratio = _naive_bayes_ratio(X, positive, self.nb_alpha)
        plain, plain_intercept = self._fit_svm(X, positive, self.C)
        weighted, weighted_intercept = self._fit_svm(X.multiply(ratio).tocsr(), positive, self.nb_C)
        return (plain + weighted * ratio) / 2, (plain_intercept + weighted_intercept) / 2

    def _fit_svm(self, X: Any, positive: BoolArray, C: float) -> tuple[F64Array, float]:
        """One machine, divided by the standard deviation of its training scores."""
        from sklearn.svm import LinearSVC

        svm = LinearSVC(C=C, class_weight="balanced", dual=True, max_iter=20_000, random_state=self.random_state)
        svm.fit(X, positive)
        spread = max(float(np.std(svm.decision_function(X))), _TINY)
        return svm.coef_[0] / spread, float(svm.intercept_[0]) / spread

    def _held_out_scores(self, data: _Data, learned: _Data, truth: BoolArray, positive: BoolArray) -> F64Array:
        """Score of each article by a machine that learned from the other groups: shape (n_articles,)."""
        scores = np.zeros(len(truth))
        for held_out in _parts(data.groups, self.cv):
            coef, intercept = self._fit_binary(*_rows(learned, positive, ~np.isin(learned.groups, held_out)))
            judged = np.isin(data.groups, held_out)
            scores[judged] = data.X[judged] @ coef + intercept
        return scores

    def _probabilities(self, scores: F64Array) -> F64Array:
        return _sigmoid(scores * self.calibration_[:, 0] + self.calibration_[:, 1])


def expected_f1_threshold(probabilities: F64Array) -> float:
    """Return the threshold with the highest expected F1, the probabilities taken at their word.

    Accepting the ``m`` most probable is expected to give ``F = 2 * (sum of their p) / (m + sum of all p)``, up to a
    term that vanishes with the number of articles; the best threshold is half the best ``F`` (Lipton et al. 2014,
    theorem 1), which is at most one half.

    Parameters
    ----------
    probabilities : ndarray of shape (n_articles,)

    Examples
    --------
    >>> import numpy as np
    >>> round(expected_f1_threshold(np.array([0.9, 0.8, 0.1, 0.0])), 3)
    0.447
    """
    best_first = np.sort(probabilities)[::-1]
    accepted = np.arange(1, len(best_first) + 1)
    expected = 2 * np.cumsum(best_first) / (accepted + best_first.sum() + _TINY)
    return float(expected.max()) / 2


class _Data(NamedTuple):
    X: Any
    topics: list[tuple[str, ...]]
    groups: I64Array

    @classmethod
    def of(cls, X: Any, y: Sequence[Collection[str] | str | None], groups: Sequence[int]) -> _Data:
        if not X.shape[0] == len(y) == len(groups):
            raise InputError(
                f"{X.shape[0]} rows, {len(y)} lists of topics and {len(groups)} groups: give one each a row"
            )
        from scipy.sparse import csr_matrix

        topics = [_topics(i, one) for i, one in enumerate(y)]
        return cls(csr_matrix(X, dtype=np.float64), topics, np.asarray(groups, np.int64))

    def with_extra(self, other: _Data) -> _Data:
        from scipy.sparse import vstack

        return _Data(
            vstack([self.X, other.X]).tocsr(), self.topics + other.topics, np.concatenate([self.groups, other.groups])
        )


def _topics(i: int, topics: Collection[str] | str | None) -> tuple[str, ...]:
    if topics is None:
        return ()
    if isinstance(topics, str):
        return (topics,)
    if not isinstance(topics, Collection):
        raise InputError(f"article {i}: its topics are {type(topics).__name__}, expected a collection of str")
    wrong = [topic for topic in topics if not isinstance(topic, str)]
    if wrong:
        raise InputError(f"article {i}: topic {wrong[0]!r} is {type(wrong[0]).__name__}, expected str")
    return tuple(topics)


def _rows(data: _Data, positive: BoolArray, chosen: BoolArray) -> tuple[Any, BoolArray]:
    return data.X[chosen], positive[chosen]


def _parts(groups: I64Array, n_parts: int) -> Iterator[I64Array]:
    """Yield the groups of each part: dealt out in the order of their numbers' hashes, so that neighbours part."""
    distinct = np.unique(groups)
    order = np.argsort(distinct.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15), kind="stable")
    for part in range(min(n_parts, max(2, len(distinct)))):
        yield distinct[order[part::n_parts]]


def _naive_bayes_ratio(X: Any, positive: BoolArray, alpha: float) -> F64Array:
    """Log of how much more often each feature stands in positive rows: shape (n_features,)."""
    inside = alpha + np.asarray(X[positive].sum(axis=0)).ravel()
    outside = alpha + np.asarray(X[~positive].sum(axis=0)).ravel()
    ratio: F64Array = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return ratio


def _fit_sigmoid(scores: F64Array, truth: BoolArray) -> F64Array:
    """Slope and offset that turn scores into probabilities, by logistic regression on them."""
    from sklearn.linear_model import LogisticRegression

    if truth.all() or not truth.any():
        return np.array([0.0, 5.0 if truth.any() else -5.0])
    fitted = LogisticRegression(C=1e3).fit(scores[:, None], truth)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:  # the scores say nothing; what is left is how common the topic is
        slope, offset = _TINY, float(np.log(truth.mean() / (1 - truth.mean())))
    return np.array([slope, offset])


def _chance(truth: BoolArray) -> float:
    """Probability above which a topic must be to be accepted at all.

    Where the scores say nothing, each article has the probability that the topic is that common, and accepting all of
    them gives the highest expected F1; none is the better answer.
    """
    return min(0.5, float(truth.mean())) * (1 + 1e-6)


def _sigmoid(scores: F64Array) -> F64Array:
    return 1.0 / (1.0 + np.exp(-np.clip(scores, -500, 500)))
