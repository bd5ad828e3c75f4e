"""Every public estimator against every law of `checks.py`. A new estimator is one more line of the table."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

import checks
import numpy as np
import pytest
from checks import Case, Law

import tagger
from tagger._estimator import Estimator
from tagger.crf.linear_chain import LinearChainCRF
from tagger.errors import TaggerError
from tagger.features.vectorizer import ArticleVectorizer
from tagger.page.segmenter import PageSegmenter
from tagger.spans import SpanTagger
from tagger.text.segmenter import Segmenter
from tagger.topic import TopicClassifier

TEXTS = [
    "审计整改\n砚川市审计局通报审计整改情况。",
    "园区招商\n鹿泷县高新园区新签项目。",
    "换届选举\n𠮷野县部署换届选举！选举有序。",
    "花市开市\n今日，砚川市花市开市",
] * 5
OTHER_TEXTS = ["茶园采茶\n云岫区开采春茶。", "新桥合龙\n云岫区新桥合龙，茶园丰收。"] * 8
SPANS = [[(5, 8, "地名"), (8, 11, "机构")], [(5, 8, "地名")], [(5, 8, "地名")], [(8, 11, "地名")]] * 5
OTHER_SPANS = [[(5, 8, "区 名")], [(5, 8, "区 名")]] * 8
TOPICS = [["审计"], ["园区"], ["选举", "审计"], []] * 5
OTHER_TOPICS = [["茶"], []] * 8
TAGS = [["B-地", "E-地", "O"], ["O"], [], ["S-人", "O"]] * 5
TOKENS = [[["砚"], ["川", "后缀"], ["今"]], [["日"]], [], [["唐", "姓"], []]] * 5


@cache
def rows() -> tuple[Any, Any]:
    """TF-IDF rows of both sets of texts."""
    vectorizer = ArticleVectorizer(min_df=1).fit([*TEXTS, *OTHER_TEXTS])
    return vectorizer.transform(TEXTS), vectorizer.transform(OTHER_TEXTS)


def from_state(estimator: Any) -> Any:
    return type(estimator).from_state(*estimator.to_state())


def matrix_rows(vectorizer: ArticleVectorizer, texts: list[str]) -> list[Any]:
    return list(vectorizer.transform(texts).toarray())


def tags_and_marginals(crf: LinearChainCRF, X: Any) -> list[Any]:
    return list(zip(crf.predict(X), crf.predict_marginals(X), strict=True))


def topics_and_probabilities(model: TopicClassifier, X: Any) -> list[Any]:
    return list(zip(model.predict(X), model.predict_proba(X), strict=True))


CASES = (
    Case(LinearChainCRF, tags_and_marginals, TOKENS, TAGS, ([[["甲"], ["乙"]]] * 9, [["B-丙", "E-丙"]] * 9),
         {"max_iter": 4, "prune": 0.01}, from_state),
    Case(SpanTagger, SpanTagger.predict, TEXTS, SPANS, (OTHER_TEXTS, OTHER_SPANS), {"max_iter": 6}, from_state),
    Case(ArticleVectorizer, matrix_rows, TEXTS, None, (OTHER_TEXTS, None), {"min_df": 2, "ngram_range": (1, 2)},
         from_state),
    Case(TopicClassifier, topics_and_probabilities, rows()[0], TOPICS, (rows()[1], OTHER_TOPICS), {"cv": 2},
         from_state),
    Case(PageSegmenter, lambda page, X: [page.segment(text) for text in X], TEXTS,
         parameters={"link_threshold": 0.2}, learns=False),
    Case(Segmenter, lambda words, X: [words.cut(text) for text in X], TEXTS,
         parameters={"user_words": ("砚川市", "AI 园区"), "hmm": True}, learns=False),
)  # fmt: skip
LAWS = (*checks.OF_PARAMETERS, *checks.OF_LEARNING, *checks.OF_PREDICTING, *checks.OF_STORING)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__.removeprefix("check_"))
def test_law(law: Law, case: Case) -> None:
    if reason := checks.reason_to_skip(law, case):
        pytest.skip(f"{case} {reason}")
    law(case)


def test_the_table_holds_every_public_estimator() -> None:
    for module in pkgutil.walk_packages(tagger.__path__, "tagger."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found = {
        cls
        for cls in subclasses(Estimator)
        if cls.__module__.startswith("tagger.") and not cls.__name__.startswith("_")
    }
    assert found == {case.estimator for case in CASES}


def subclasses(cls: type) -> set[type]:
    return {sub for direct in cls.__subclasses__() for sub in {direct, *subclasses(direct)}}


def test_every_law_is_run() -> None:
    assert {law.__name__ for law in LAWS} == {name for name in vars(checks) if name.startswith("check_")}


def test_the_data_are_worth_the_laws() -> None:
    """A model that always says nothing would keep most laws."""
    by_name = {str(case): case for case in CASES}
    assert by_name["SpanTagger"].ready().score(TEXTS, SPANS) > 0.9
    assert by_name["TopicClassifier"].ready().score(rows()[0], TOPICS) > 0.9
    assert by_name["LinearChainCRF"].ready().predict(TOKENS) == TAGS


def test_same_tells_apart_what_differs() -> None:
    assert checks.same([np.arange(2), {"a": ("砚", 1.0)}], [np.arange(2), {"a": ("砚", 1.0)}])
    for a, b in (
        ([1], [1, 2]),
        ([1], (1,)),
        (1, 1.0),
        (np.zeros(1), np.zeros(1, np.float32)),
        ({"a": 1}, {"b": 1}),
        ("砚", "川"),
        (rows()[0], rows()[0] * 2),
    ):
        assert not checks.same(a, b)


def test_errors_share_one_base() -> None:
    from tagger import errors

    classes = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(cls, TaggerError) for cls in classes)
    assert issubclass(errors.NotFittedError, ValueError)
    assert issubclass(errors.NotFittedError, AttributeError)  # as scikit-learn's, so that hasattr works
