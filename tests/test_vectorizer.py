"""The article vectorizer against scikit-learn's TF-IDF, view by view, and inside scikit-learn's own machinery."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import random_texts
from strategies import texts as any_texts

from tagger.errors import ConfigurationError, InputError, NotFittedError
from tagger.features.vectorizer import ArticleVectorizer
from tagger.text.segmenter import Segmenter

TEXTS = [
    "审计整改\n市审计局通报审计整改情况，整改到位。",
    "园区招商\n高新园区新签项目，园区招商3个项目。",
    "换届选举\n鹿泷县部署换届选举，选举有序。",
    "审计公报\n砚川市审计局发布审计公报。",
    "园区开工\n砚川市高新园区项目开工AI 2.0。",
    "选举培训\n鹿泷县选举培训会召开。𠮷野县选举培训会召开。",
    "只有一行没有标题的文字，说的是审计整改情况，也说园区招商项目，还说鹿泷县部署换届选举，长得不像一个标题。",
    "",
    "\n审计整改",
]
TOPICS = ["audit", "park", "vote", "audit", "park", "vote", "audit", "park", "audit"]


# -- the reference: plain Python for the views, scikit-learn for the weights ------------------------------------------


def wordlike(gram: str) -> bool:
    """Letters and numbers only; astral characters pass for ideographs."""
    return all(ord(char) > 0xFFFF or unicodedata.category(char)[0] in "LN" for char in gram)


def words_within(text: str, start: int, end: int, segmenter: Segmenter) -> list[str]:
    bounds = np.cumsum([0, *map(len, segmenter.cut(text))]).tolist()
    return [text[a:b] for a, b in pairwise(bounds) if start <= a and b <= end and wordlike(text[a:b])]


def grams_within(text: str, start: int, end: int, ngram_range: tuple[int, int]) -> list[str]:
    shortest, longest = ngram_range
    end = min(end, len(text))
    spans = ((i, i + n) for i in range(start, end) for n in range(shortest, longest + 1) if i + n <= end)
    return [text[a:b] for a, b in spans if wordlike(text[a:b])]


def views(vectorizer: ArticleVectorizer) -> dict[str, Callable[[str], list[str]]]:
    segmenter, sizes = Segmenter(), vectorizer.ngram_range

    def lead(text: str) -> tuple[int, int]:
        start, _ = vectorizer._head(text)
        return start, start + vectorizer.lead_length

    return {
        "words": lambda text: words_within(text, 0, len(text), segmenter),
        "grams": lambda text: grams_within(text, 0, len(text), sizes),
        "lead words": lambda text: words_within(text, *lead(text), segmenter),
        "lead grams": lambda text: grams_within(text, *lead(text), sizes),
        "title words": lambda text: words_within(text, *vectorizer._head(text), segmenter),
    }


def reference(vectorizer: ArticleVectorizer, train: list[str], test: list[str]) -> list[dict[str, float]]:
    """Rows by column name."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows: list[dict[str, float]] = [{} for _ in test]
    for view, analyzer in views(vectorizer).items():
        in_title = view == "title words"
        min_df = min(2, vectorizer.min_df) if in_title else vectorizer.min_df
        df: dict[str, int] = {}
        for text in train:
            for gram in set(analyzer(text)):
                df[gram] = df.get(gram, 0) + 1
        if max(df.values(), default=0) < min_df:
            continue  # scikit-learn refuses an empty vocabulary
        tfidf = TfidfVectorizer(analyzer=analyzer, min_df=min_df, sublinear_tf=True, norm="l2").fit(train)
        names = tfidf.get_feature_names_out()
        matrix = tfidf.transform(test).tocoo()
        for i, j, value in zip(matrix.row, matrix.col, matrix.data, strict=True):
            rows[i][f"{view}:{names[j]}"] = float(value) * (vectorizer.title_weight if in_title else 1.0)
    return rows


def named_rows(vectorizer: ArticleVectorizer, texts: list[str]) -> Iterator[dict[str, float]]:
    matrix = vectorizer.transform(texts)
    for i in range(matrix.shape[0]):
        row = matrix[i]
        yield {vectorizer.names_[j]: float(v) for j, v in zip(row.indices, row.data, strict=True)}


def assert_equals_reference(vectorizer: ArticleVectorizer, train: list[str], test: list[str]) -> None:
    vectorizer.fit(train)
    expected = reference(vectorizer, train, test)
    for found, wanted in zip(named_rows(vectorizer, test), expected, strict=True):
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert found[name] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    "parameters",
    [
        {"min_df": 1},
        {"min_df": 2},
        {"min_df": 3},
        {"min_df": 2, "ngram_range": (1, 1)},
        {"min_df": 1, "ngram_range": (2, 4), "lead_length": 7},
        {"min_df": 1, "title_length": 3, "title_weight": 0.25},
        {"min_df": 1, "lead_length": 0, "title_length": 0},
    ],
    ids=str,
)
def test_equals_scikit_learn_view_by_view(parameters: dict[str, Any]) -> None:
    unseen = ["园区审计\n从未见过的字：審計，园区审计整改。", "完全陌生", "，。", "", *TEXTS]
    assert_equals_reference(ArticleVectorizer(**parameters), TEXTS, unseen)


def test_equals_scikit_learn_on_texts_that_hurt() -> None:
    texts = list(random_texts(60, seed=5))
    assert_equals_reference(ArticleVectorizer(min_df=2, lead_length=20), texts[:40], texts)


# -- rows ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted() -> ArticleVectorizer:
    return ArticleVectorizer(min_df=2).fit(TEXTS)


def test_rows_of_texts_without_known_grams_are_empty(fitted: ArticleVectorizer) -> None:
    matrix = fitted.transform(["", "，。！\n", "完全陌生", "\ud800"])
    assert matrix.shape == (4, len(fitted.names_))
    assert matrix.nnz == 0
    assert fitted.transform([]).shape == (0, len(fitted.names_))


def test_rows_are_sorted_float32_csr(fitted: ArticleVectorizer) -> None:
    matrix = fitted.transform(TEXTS)
    assert matrix.format == "csr"
    assert matrix.dtype == np.float32
    assert matrix.has_sorted_indices
    assert matrix.has_canonical_format
    assert np.isfinite(matrix.data).all()


def test_each_view_has_length_one_and_the_title_its_weight(fitted: ArticleVectorizer) -> None:
    matrix = fitted.transform(TEXTS[:6])
    of_view = np.array([name.partition(":")[0] for name in fitted.names_])
    for view in ("words", "grams", "lead words", "lead grams", "title words"):
        norms = np.sqrt(matrix[:, of_view == view].toarray() ** 2 @ np.ones((of_view == view).sum()))
        found = norms[norms > 0]
        assert len(found) >= 4
        np.testing.assert_allclose(found, fitted.title_weight if view == "title words" else 1, rtol=1e-5)


def test_fit_transform_is_fit_and_then_transform_and_takes_any_iterable(fitted: ArticleVectorizer) -> None:
    assert (ArticleVectorizer(min_df=2).fit_transform(iter(TEXTS)) != fitted.transform(tuple(TEXTS))).nnz == 0


def test_a_row_is_the_row_of_the_matrix(fitted: ArticleVectorizer) -> None:
    row = fitted.row(TEXTS[0], Segmenter().boundaries(TEXTS[0]))
    dense = np.zeros(len(fitted.names_), np.float32)
    dense[row.columns] = row.values
    assert np.array_equal(dense, fitted.transform(TEXTS[:1]).toarray()[0])


@settings(max_examples=50, deadline=None)
@given(st.lists(any_texts(), max_size=4))
def test_any_text_can_be_transformed(fitted: ArticleVectorizer, texts: list[str]) -> None:
    matrix = fitted.transform(texts)
    assert matrix.shape == (len(texts), len(fitted.names_))
    assert (matrix.data > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(any_texts(), min_size=1, max_size=5))
def test_any_texts_can_be_learned(texts: list[str]) -> None:
    vectorizer = ArticleVectorizer(min_df=1)
    if not any(views(vectorizer)["words"](text) for text in texts):
        return  # nothing to learn, which is an error of its own
    vectorizer.fit(texts)
    meta, arrays = vectorizer.to_state()
    assert ArticleVectorizer.from_state(meta, arrays).names_ == vectorizer.names_


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("审计整改\n本报讯 市审计局通报", "审计整改"),
        ("\n审计整改", ""),
        ("本报讯 市审计局通报审计整改", "市审计局通报审计"),
        ("本报讯（记者 唐维桢）市审计局通报审计整改", "市审计局通报审计"),
        ("砚川日报讯(记者 唐维桢 通讯员 方知)，审计整改", "审计整改"),
        ("砚川7月9日电（记者 唐维桢）审计整改", "审计整改"),
        ("市审计局通报审计整改情况\n第二行", "市审计局通报审计"),
        ("市审计局发出通知。本报讯 到位", "市审计局发出通知"),
        ("", ""),
    ],
)
def test_where_the_title_stands(text: str, title: str) -> None:
    start, end = ArticleVectorizer(title_length=8)._head(text)
    assert text[start:end] == title


def test_min_df_of_the_title_is_at_most_two() -> None:
    vectorizer = ArticleVectorizer(min_df=3).fit(["审计\n一", "审计\n二", "园区\n三", "招商，召开", "召开", "召开"])
    assert set(vectorizer.names_) == {
        *(f"{view}:召开" for view in ("words", "grams", "lead words", "lead grams", "title words")),
        "title words:审计",
    }


# -- names and state -----------------------------------------------------------------------------------------------


def test_names_are_those_of_the_columns(fitted: ArticleVectorizer) -> None:
    assert len(fitted.names_) == len(set(fitted.names_)) == len(fitted.keys_) == len(fitted.idf_)
    assert "title words:审计" in fitted.names_
    assert fitted.get_feature_names_out().tolist() == fitted.names_


def test_state_keeps_rows_and_names() -> None:
    fitted = ArticleVectorizer(min_df=1, ngram_range=(1, 2), title_weight=0.5).fit([*TEXTS, "𠮷野𠮷野", "é９"])
    meta, arrays = fitted.to_state()
    again = ArticleVectorizer.from_state(json.loads(json.dumps(meta)), arrays)
    assert again.get_params() == fitted.get_params()
    assert (again.transform(TEXTS) != fitted.transform(TEXTS)).nnz == 0
    assert again.names_ == fitted.names_
    second = again.to_state()[1]
    assert all(np.array_equal(second[name], array) for name, array in arrays.items())


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("keys", lambda a: a[1:], "differ in length"),
        ("idf", lambda a: a[1:], "differ in length"),
        ("name_lengths", lambda a: a[1:], "differ in length"),
        ("keys", lambda a: a[::-1], "not sorted"),
        ("keys", lambda a: a[:, None], "differ in length"),
        ("names", lambda a: a[1:], "'names' is not as long as 'name_lengths' says"),
        ("name_lengths", lambda a: a + np.uint16(1), "'names' is not as long"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(fitted: ArticleVectorizer, name: str, damage: Any, message: str) -> None:
    meta, arrays = fitted.to_state()
    with pytest.raises(InputError, match=message):
        ArticleVectorizer.from_state(meta, {**arrays, name: damage(arrays[name])})


# -- scikit-learn's machinery --------------------------------------------------------------------------------------


def pipeline() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    return Pipeline([("rows", ArticleVectorizer(min_df=1)), ("model", LogisticRegression())])


def test_works_in_a_pipeline() -> None:
    model = pipeline().fit(TEXTS, TOPICS)
    assert model.predict(["市审计局发布审计公报", "高新园区项目开工"]).tolist() == ["audit", "park"]
    assert model.score(TEXTS, TOPICS) > 0.7
    assert model[:-1].transform(TEXTS).shape[0] == len(TEXTS)
    assert "rows" in repr(model)
    assert model[:-1].get_feature_names_out().tolist() == model[0].names_


def test_works_in_clone() -> None:
    from sklearn.base import clone

    original = ArticleVectorizer(min_df=2, segmenter=Segmenter(user_words=["砚川市"])).fit(TEXTS)
    copied = clone(original)
    assert not hasattr(copied, "keys_")
    assert copied.segmenter is not original.segmenter
    assert copied.segmenter.user_words == ["砚川市"]
    assert (copied.fit_transform(TEXTS) != original.transform(TEXTS)).nnz == 0
    assert clone(pipeline()).get_params()["rows__min_df"] == 1


def test_works_in_cross_validation() -> None:
    from sklearn.model_selection import cross_val_score

    scores = cross_val_score(pipeline(), TEXTS * 3, TOPICS * 3, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.6


def test_works_in_a_grid_search() -> None:
    from sklearn.model_selection import GridSearchCV

    grid = {"rows__min_df": [1, 2], "rows__ngram_range": [(1, 2), (2, 3)], "model__C": [1.0, 10.0]}
    search = GridSearchCV(pipeline(), grid, cv=3).fit(TEXTS * 3, TOPICS * 3)
    assert set(search.best_params_) == set(grid)
    assert search.best_score_ > 0.6
    assert search.predict(["审计公报"]).tolist() == ["audit"]


def test_works_beside_another_transformer() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_union

    union = make_union(ArticleVectorizer(min_df=1), CountVectorizer(analyzer="char"))
    assert union.fit_transform(TEXTS).shape[0] == len(TEXTS)


def test_scikit_learn_sees_a_transformer_of_text() -> None:
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_is_fitted

    tags = get_tags(ArticleVectorizer())
    assert tags.input_tags.string
    assert tags.transformer_tags is not None
    check_is_fitted(ArticleVectorizer(min_df=1).fit(TEXTS))


# -- what users get wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("审计整改", r"one str came where several texts were expected: write \[text\]"),
        (["审计", 3], "text 1 is int, expected str"),
        ([None], "text 0 is NoneType, expected str"),
    ],
)
def test_what_is_not_texts(fitted: ArticleVectorizer, texts: Any, message: str) -> None:
    for call in (ArticleVectorizer(min_df=1).fit, ArticleVectorizer(min_df=1).fit_transform, fitted.transform):
        with pytest.raises(InputError, match=message):
            call(texts)


@pytest.mark.parametrize("texts", [[], [""], ["，。", "\n"], ["审计", "园区"]])
def test_texts_that_share_nothing_are_an_error(texts: list[str]) -> None:
    with pytest.raises(InputError, match=f"none of the {len(texts)} texts shares a gram with 1 others"):
        ArticleVectorizer(min_df=2).fit(texts)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ngram_range": (0, 2)}, r"ngram_range=\(0, 2\): expected 1 <= shortest <= longest"),
        ({"ngram_range": (3, 2)}, r"ngram_range=\(3, 2\)"),
        ({"min_df": 0}, "min_df=0: expected a whole number of at least 1"),
        ({"min_df": 0.5}, "min_df=0.5"),
    ],
)
def test_parameters_out_of_range_are_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ArticleVectorizer(**parameters).fit(TEXTS)


@pytest.mark.parametrize("method", ["transform", "get_feature_names_out", "to_state"])
def test_use_before_fit_says_what_to_do(method: str) -> None:
    arguments = [TEXTS] if method == "transform" else []
    with pytest.raises(NotFittedError, match="ArticleVectorizer is not fitted yet: call fit"):
        getattr(ArticleVectorizer(), method)(*arguments)


def test_other_attributes_are_missing_as_usual(fitted: ArticleVectorizer) -> None:
    assert not hasattr(fitted, "namen_")
    with pytest.raises(AttributeError, match="'ArticleVectorizer' object has no attribute 'names_'"):
        _ = ArticleVectorizer().names_
