"""Labels that overlap or nest: how they are shared out over layers, and what their layers predict together."""

from __future__ import annotations

import copy
import json
import warnings
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tagger
from tagger import artifact
from tagger.errors import ConfigurationError, InputError
from tagger.pipeline import Model
from tagger.spans import LabelledRange, SpanTagger
from tagger.spans._annotations import reading_order
from tagger.spans._layers import assign, choose_layers, extend_layers
from tagger.text.segmenter import Segmenter
from tagger.types import ModelId, Span

BODIES = ("砚川市", "鹿泷县", "云岫区", "苇渡镇")
TEXTS = [f"今日，{place}审计局{verb}。" for place in BODIES for verb in ("召开会议", "发布通知", "印发文件")]
# The office, the place in its name, and the town hall's own part, which is an office again.
NESTED: list[list[LabelledRange]] = [[(3, 9, "机构"), (3, 6, "地名"), (6, 9, "机构")] for _ in TEXTS]
FLAT: list[list[LabelledRange]] = [[(3, 9, "机构")] for _ in TEXTS]


def ranges(found: list[Span]) -> list[LabelledRange]:
    return [(s.start, s.end, s.label) for s in found]


@pytest.fixture(scope="module")
def nested() -> SpanTagger:
    return SpanTagger(layers="auto", max_iter=20).fit(TEXTS, NESTED)


def overlap(a: LabelledRange, b: LabelledRange) -> bool:
    return a[0] < b[1] and b[0] < a[1]


any_spans = st.sets(
    st.tuples(st.integers(0, 12), st.integers(1, 6), st.sampled_from("甲乙丙丁")).map(
        lambda t: (t[0], t[0] + t[1], t[2])
    ),
    max_size=6,
).map(reading_order)


# -- choosing ------------------------------------------------------------------------------------------------------


def test_flat_spans_make_one_layer() -> None:
    assert choose_layers([[(0, 2, "B"), (2, 3, "A")], [(0, 1, "C")]]) == [["A", "B", "C"]]
    assert choose_layers([[], []]) == [[]]


def test_labels_that_overlap_are_kept_apart_in_as_few_layers_as_it_takes() -> None:
    # 机构 overlaps with both others, which never meet: two layers do.
    texts = [[(0, 4, "机构"), (2, 6, "地名")], [(0, 4, "机构"), (0, 2, "职务")], [(0, 2, "地名"), (3, 5, "职务")]]
    assert choose_layers([reading_order(spans) for spans in texts]) == [["机构"], ["地名", "职务"]]


def test_a_label_that_nests_in_itself_gets_a_second_layer() -> None:
    assert choose_layers([[(0, 6, "机构"), (3, 6, "机构")], [(0, 2, "人名")]]) == [["人名", "机构"], ["机构"]]


def test_layers_do_not_depend_on_the_labels_names() -> None:
    names = {"机构": "z", "地名": "a"}
    renamed = [[(start, end, names[label]) for start, end, label in spans] for spans in NESTED]
    assert choose_layers(renamed) == [sorted(names[label] for label in layer) for layer in choose_layers(NESTED)]


@settings(max_examples=300, deadline=None)
@given(st.lists(any_spans, max_size=4))
def test_chosen_layers_hold_every_span_and_are_flat(texts: list[list[LabelledRange]]) -> None:
    layers = choose_layers(texts)
    for spans in texts:
        placed, left = assign(spans, layers)
        for found in placed:
            assert all(a[1] <= b[0] for a, b in pairwise(found))
        assert sorted([*chain.from_iterable(placed), *left]) == sorted(spans)
        # Only what lies under four spans of its own label may be left.
        assert all(sum(overlap(span, other) for other in spans if other[2] == span[2]) > 4 for span in left)


@settings(max_examples=200, deadline=None)
@given(st.lists(any_spans, max_size=3), st.lists(any_spans, max_size=3))
def test_layers_grow_and_nothing_moves(first: list[list[LabelledRange]], second: list[list[LabelledRange]]) -> None:
    layers = choose_layers(first)
    wider = extend_layers(second, layers)
    assert all(set(old) <= set(new) for old, new in zip(layers, wider, strict=False))
    assert len(wider) >= len(layers)
    most = max((sum(overlap(a, b) for b in spans) for spans in second for a in spans), default=0)
    if most <= 4:
        assert not any(assign(spans, wider)[1] for spans in second)


def test_too_deep_a_nest_is_counted_and_named() -> None:
    text = "砚川市审计局办公室"
    deep = [(0, end, "机构") for end in range(4, 10)]
    with pytest.warns(
        UserWarning, match=r"2 of 6 annotated spans overlap .* not learned: text 0 \[0, 5\) 机构, text 0"
    ):
        tagger = SpanTagger(layers="auto", max_iter=1).fit([text], [deep])
    assert tagger.layers_ == [["机构"]] * 4


# -- fitting -------------------------------------------------------------------------------------------------------


def test_nested_spans_are_learned_and_predicted(nested: SpanTagger) -> None:
    assert nested.layers_ == [["机构"], ["地名", "机构"]]
    assert nested.labels_ == ["地名", "机构"]
    for found, spans in zip(nested.predict(TEXTS), NESTED, strict=True):
        assert ranges(found) == spans  # by start, longer ones first
        assert all(0.5 < span.confidence <= 1 for span in found)


def test_flat_spans_are_tagged_in_one_layer_whatever_is_asked() -> None:
    default, auto = (SpanTagger(layers=layers, max_iter=3).fit(TEXTS, FLAT) for layers in (None, "auto"))
    assert default.layers_ == auto.layers_ == [["机构"]]
    assert default.predict(TEXTS) == auto.predict(TEXTS)
    assert np.array_equal(default.crf_.weights_, auto.crfs_[0].weights_)


def test_overlaps_that_nobody_spoke_of_are_named() -> None:
    message = r"24 annotated spans overlap an earlier one: text 0 \[3, 6\) 地名, .*2 layers.*layers='auto'"
    with pytest.warns(UserWarning, match=message):
        tagger = SpanTagger(max_iter=1).fit(TEXTS, NESTED)
    assert len(tagger.layers_) == 2


def test_layers_as_written() -> None:
    spans = [[(3, 9, "机构"), (3, 6, "地名")] for _ in TEXTS]
    tagger = SpanTagger(layers=[["机构"], ["地名", "人名"]], max_iter=20).fit(TEXTS, spans)
    assert tagger.layers_ == [["机构"], ["人名", "地名"]]
    assert tagger.labels_ == ["人名", "地名", "机构"]
    assert [ranges(found) for found in tagger.predict(TEXTS)] == spans


def test_what_does_not_fit_written_layers_is_named_and_the_outer_span_learned() -> None:
    message = r"24 of 36 annotated spans overlap another .* text 0 \[3, 6\) 地名, text 0 \[6, 9\) 机构, .*a layer more"
    with pytest.warns(UserWarning, match=message):
        tagger = SpanTagger(layers=[["机构", "地名"]], max_iter=20).fit(TEXTS, NESTED)
    assert [ranges(found) for found in tagger.predict(TEXTS)] == FLAT


def test_identical_spans_count_once() -> None:
    once = SpanTagger(max_iter=3).fit(TEXTS, FLAT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twice = SpanTagger(max_iter=3).fit(TEXTS, [spans * 2 for spans in FLAT])
    assert twice.layers_ == once.layers_
    assert np.array_equal(twice.crf_.weights_, once.crf_.weights_)


def test_a_span_that_two_layers_find_is_given_once() -> None:
    """Both layers know the label, and the second one learned the same spans alone in other texts."""
    crossing: list[list[LabelledRange]] = [[(3, 9, "机构")], [(3, 9, "机构")]]
    tagger = SpanTagger(layers=[["机构"], ["机构"]], max_iter=20).fit(TEXTS[:2], crossing)
    tagger.crfs_[1] = tagger.crfs_[0]
    found = tagger.predict(TEXTS[:2])
    assert [ranges(spans) for spans in found] == crossing


@pytest.mark.parametrize(
    "layers", ["机构", [], "flat", ["机构", "地名"], [["机构", ""]], [[1]], 3, {"机构": 1}], ids=repr
)
def test_layers_that_are_none(layers: object) -> None:
    with pytest.raises(ConfigurationError, match=r"layers=.*expected None, 'auto' or lists of labels"):
        SpanTagger(layers=layers).fit(TEXTS, FLAT)  # type: ignore[arg-type]


def test_a_label_without_a_layer() -> None:
    with pytest.raises(ConfigurationError, match=r"layers=.* has no place for the annotated label '地名': add it"):
        SpanTagger(layers=[["机构"]]).fit(TEXTS, NESTED)


# -- laws ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([*TEXTS, "审计局", "砚川市", "。", "\n", "𠮷", "\ud800", "今日，"]), max_size=5).map(
        "".join
    )
)
def test_spans_of_a_layer_never_overlap_and_all_cut_the_text(nested: SpanTagger, text: str) -> None:
    found = nested.predict([text])[0]
    assert ranges(found) == reading_order(set(ranges(found)))
    placed, left = assign(ranges(found), nested.layers_)
    assert not left
    assert all(a[1] <= b[0] for layer in placed for a, b in pairwise(layer))
    assert all(text[s.start : s.end] == s.text and 0 <= s.confidence <= 1 for s in found)


def test_permuting_the_labels_names_does_not_change_the_predictions(nested: SpanTagger) -> None:
    names = {"机构": "A", "地名": "O"}
    renamed = [[(start, end, names[label]) for start, end, label in spans] for spans in NESTED]
    tagger = SpanTagger(layers="auto", max_iter=20).fit(TEXTS, renamed)
    for found, expected in zip(tagger.predict(TEXTS), nested.predict(TEXTS), strict=True):
        assert ranges(found) == [(s.start, s.end, names[s.label]) for s in expected]
        assert [s.confidence for s in found] == pytest.approx([s.confidence for s in expected], abs=1e-6)


def test_layers_are_stored(nested: SpanTagger) -> None:
    meta, arrays = nested.to_state()
    again = SpanTagger.from_state(json.loads(json.dumps(meta)), arrays)
    assert again.layers_ == nested.layers_
    assert again.predict(TEXTS) == nested.predict(TEXTS)
    assert again.to_state()[0] == meta
    assert all(np.array_equal(array, arrays[name]) for name, array in again.to_state()[1].items())


def test_layers_live_in_a_model_folder(nested: SpanTagger, tmp_path: Path) -> None:
    model = Model(ModelId("nested", "1.0.0"), segmenter=Segmenter(), span_tagger=nested)
    folder = artifact.save(model.to_artifact({}), tmp_path / "nested" / "1.0.0")
    article = tagger.load(folder).read_article(TEXTS[0])
    assert [(s.start, s.end, s.label) for s in article.spans] == NESTED[0]


def test_a_flat_model_is_stored_as_ever() -> None:
    meta, arrays = SpanTagger(max_iter=1).fit(TEXTS, FLAT).to_state()
    assert set(meta) == {"labels", "templates", "crf"}
    assert not any("." in name for name in arrays)


def test_layers_that_do_not_fit_are_refused(nested: SpanTagger) -> None:
    meta, arrays = nested.to_state()
    with pytest.raises(InputError, match="labels of the layers are not those"):
        SpanTagger.from_state({**meta, "labels": ["地名"]}, arrays)
    swapped = [{**layer, "labels": ["人名"]} for layer in meta["layers"]]
    with pytest.raises(InputError, match="not those of the span labels"):
        SpanTagger.from_state({**meta, "layers": swapped}, arrays)


# -- learning on ---------------------------------------------------------------------------------------------------


def test_new_labels_join_a_layer_and_new_overlaps_make_one() -> None:
    tagger = SpanTagger(layers="auto", max_iter=20).fit(TEXTS, FLAT)
    with_people = [f"{text[:-1]}，唐维桢到会。" for text in TEXTS]
    people = [[*spans, (len(text) - 6, len(text) - 3, "人名")] for text, spans in zip(with_people, FLAT, strict=True)]
    tagger.partial_fit(with_people, people)
    assert tagger.layers_ == [["人名", "机构"]]
    assert [ranges(found) for found in tagger.predict(with_people)] == people
    tagger.partial_fit([*TEXTS, *with_people], [*NESTED, *people])
    assert tagger.layers_ == [["人名", "机构"], ["地名", "机构"]] or tagger.layers_ == [
        ["人名", "机构"],
        ["地名"],
        ["机构"],
    ]
    assert ranges(tagger.predict(TEXTS[:1])[0])[0] == (3, 9, "机构")


def test_learning_on_from_nothing_is_fitting() -> None:
    one, other = SpanTagger(max_iter=3).fit(TEXTS, FLAT), SpanTagger(max_iter=3).partial_fit(TEXTS, FLAT)
    assert one.predict(TEXTS) == other.predict(TEXTS)


def test_a_copy_learns_on_alone() -> None:
    tagger = SpanTagger(max_iter=5).fit(TEXTS, FLAT)
    before = tagger.predict(TEXTS)
    copy.copy(tagger).partial_fit(TEXTS, [[(0, 2, "时间")] for _ in TEXTS])
    assert tagger.labels_ == ["机构"]
    assert tagger.predict(TEXTS) == before


def test_a_failed_lesson_changes_nothing() -> None:
    tagger = SpanTagger(max_iter=3).fit(TEXTS, FLAT)
    before = tagger.predict(TEXTS)
    with pytest.raises(InputError, match="no text to learn from"):
        tagger.partial_fit([""], [[]])
    with pytest.raises(InputError, match="2 texts but 1 lists"):
        tagger.partial_fit(["砚川市", "鹿泷县"], [[]])
    for wrong in ({"templates": ["nothing[0]"]}, {"learning_rate": -1}, {"threshold": 2.0}):
        with pytest.raises(ConfigurationError):
            tagger.set_params(**wrong).fit(TEXTS[:3], [[(0, 2, "时间")]] * 3)
        tagger.set_params(templates=None, learning_rate=0.2, threshold=None)
    assert tagger.labels_ == ["机构"]
    assert tagger.predict(TEXTS) == before


def test_written_layers_stay_as_many() -> None:
    tagger = SpanTagger(layers=[["机构"], ["地名"]], max_iter=2).fit(TEXTS, FLAT)
    tagger.partial_fit(TEXTS, [[(3, 9, "机构"), (3, 6, "地名")] for _ in TEXTS])
    with pytest.raises(ConfigurationError, match="has no place for the annotated label '人名'"):
        tagger.partial_fit(TEXTS, [[(0, 2, "人名")] for _ in TEXTS])
    tagger.set_params(layers=[["机构", "地名"]])
    with pytest.raises(ConfigurationError, match="the fitted tagger has 2; fit it again"):
        tagger.partial_fit(TEXTS, FLAT)
