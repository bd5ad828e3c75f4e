"""What else the tagger thought of, and why it says what it says."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.errors import InputError, NotFittedError
from tagger.features.lexicon import Clusters, Lexicon
from tagger.spans import Calibration, LabelledRange, SpanTagger
from tagger.text.segmenter import Segmenter
from tagger.types import Span

TEXTS = ["今日，砚川市召开大会。", "记者来自鹿泷县；", "唐维桢书记到云岫区调研！", "苇渡镇与𠮷野县签约。"]
SPANS: list[list[LabelledRange]] = [
    [(3, 6, "地名")],
    [(4, 7, "地名")],
    [(0, 3, "人 名"), (6, 9, "地名")],
    [(0, 3, "地名"), (4, 7, "地名")],
]
NEW = "陆若岚书记到石桥县调研，近日。今日，松溪市召开大会。"


@pytest.fixture(scope="module")
def fitted() -> SpanTagger:
    return SpanTagger(max_iter=6).fit(TEXTS * 3, SPANS * 3)


@pytest.fixture(scope="module")
def layered() -> SpanTagger:
    nested = [[*spans, (spans[0][0], spans[0][0] + 2, "专名")] for spans in SPANS]
    return SpanTagger(layers="auto", max_iter=6).fit(TEXTS * 3, nested * 3)


def triple(span: Span) -> LabelledRange:
    return span.start, span.end, span.label


# -- n-best --------------------------------------------------------------------------------------------------------


def test_the_best_readings_are_what_is_predicted(fitted: SpanTagger, layered: SpanTagger) -> None:
    for tagger, text in product((fitted, layered), [*TEXTS, NEW]):
        best = [readings[0] for readings in tagger.nbest(text, 3)]
        spans = [span for reading in best for span in reading.spans]
        predicted = tagger.predict([text])[0]
        assert [triple(span) for span in spans] == [triple(span) for span in predicted]
        assert [s.confidence for s in spans] == pytest.approx([s.confidence for s in predicted], abs=1e-9)


def test_each_sentence_has_readings_of_its_own_that_fall_in_probability(fitted: SpanTagger) -> None:
    readings = fitted.nbest(NEW, 8)
    assert [(found[0].start, found[0].end) for found in readings] == [(0, 15), (15, len(NEW))]
    for found in readings:
        assert len(found) == 8
        probabilities = [reading.probability for reading in found]
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 < sum(probabilities) <= 1 + 1e-9
        assert len({tuple(map(triple, reading.spans)) for reading in found}) == 8
        for reading in found:
            assert all(reading.start <= s.start < s.end <= reading.end for s in reading.spans)
            assert all(NEW[s.start : s.end] == s.text for s in reading.spans)


def test_all_readings_of_a_short_text_sum_to_one_and_to_the_probability_of_each_span(
    fitted: SpanTagger, layered: SpanTagger
) -> None:
    for tagger, text in product((fitted, layered), ("县", "川市")):
        (readings,) = tagger.nbest(text, 10_000)
        assert sum(reading.probability for reading in readings) == pytest.approx(1)
        for label in tagger.labels_:
            with_it = [r.probability for r in readings if (0, len(text), label) in map(triple, r.spans)]
            assert sum(with_it) == pytest.approx(tagger.span_probability(text, 0, len(text), label))


def test_readings_where_there_is_nothing_to_read(fitted: SpanTagger) -> None:
    assert fitted.nbest("", 3) == []
    assert [len(readings) for readings in fitted.nbest("\n", 2)] == [2]


# -- probabilities -------------------------------------------------------------------------------------------------


def test_the_probability_of_a_predicted_span_is_its_confidence(fitted: SpanTagger, layered: SpanTagger) -> None:
    for tagger, calibration in product((fitted, layered), (Calibration(), Calibration(0.6, -0.2))):
        tagger.calibration_ = calibration
        for text in [*TEXTS, NEW]:
            for span in tagger.predict([text])[0]:
                p = tagger.span_probability(text, *triple(span))
                assert p == pytest.approx(span.confidence, abs=1e-9)
        tagger.calibration_ = Calibration()


def test_the_labels_of_a_range_leave_room_for_none(fitted: SpanTagger) -> None:
    for start, end in ((3, 6), (0, 2), (2, 4)):
        total = sum(fitted.span_probability(TEXTS[0], start, end, label) for label in fitted.labels_)
        assert 0 <= total <= 1 + 1e-9


def test_a_range_beyond_its_sentence_has_no_probability(fitted: SpanTagger) -> None:
    assert fitted.span_probability(NEW, 13, 18, "地名") == 0.0


# -- explanations --------------------------------------------------------------------------------------------------


def path_of(tagger: SpanTagger, spans: list[LabelledRange], n_chars: int) -> np.ndarray:
    from tagger.crf.scheme import spans_to_tags

    return np.array([tagger.crf_.tags_.index(tag) for tag in spans_to_tags(spans, n_chars)])


def scores_of(tagger: SpanTagger, text: str) -> np.ndarray:
    features = tagger._features
    return tagger.crf_.emissions(features.keys(features.streams([text], [features.boundaries(text)]), 0, len(text)))


def test_an_explanation_sums_to_the_difference_of_the_two_paths(fitted: SpanTagger) -> None:
    for text in TEXTS:
        spans = [triple(span) for span in fitted.predict([text])[0]]
        scores = scores_of(fitted, text)
        for span in spans:
            why = fitted.explain(text, span)
            others = [other for other in spans if other != span]
            with_it, without = (
                fitted.crf_.score(scores, path_of(fitted, found, len(text))) for found in (spans, others)
            )
            assert why.total == pytest.approx(with_it - without, abs=1e-6)
            assert sum(r.contribution for r in why.reasons) + why.transitions == pytest.approx(why.total, abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_range_can_be_explained(fitted: SpanTagger, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    why = fitted.explain(text, (start, end, data.draw(st.sampled_from(fitted.labels_))))
    assert np.isfinite(why.total)
    assert sum(r.contribution for r in why.reasons) + why.transitions == pytest.approx(why.total, abs=1e-6)
    assert all(start <= r.position < end and r.contribution != 0 for r in why.reasons)
    sizes = [abs(r.contribution) for r in why.reasons]
    assert sizes == sorted(sizes, reverse=True)
    assert str(why)


def test_what_was_seen_can_be_read() -> None:
    lexicon = Lexicon(words=Clusters.from_strings({"砚川": (3, 4, 5), "大会": (6, 7, 8)}))
    templates = ["char[-1] char[0]", "char[0] char[1]", "class[0]", "word[0] place[0]", "length[0]", "coarse[0]"]
    segmenter = Segmenter(user_words=["砚川"])
    tagger = SpanTagger(templates=templates, lexicon=lexicon, segmenter=segmenter, max_iter=30, prune=0.0)
    tagger.fit(["砚川大会\n"] * 8, [[(0, 2, "地名")]] * 8)
    why = tagger.explain("砚川大会\n", tagger.predict(["砚川大会\n"])[0][0])
    seen = {(r.template, r.position): r.seen for r in why.reasons}
    assert seen["char[-1] char[0]", 0] == "‹edge›砚"
    assert seen["char[-1] char[0]", 1] == "砚川"
    assert seen["char[0] char[1]", 1] == "川大"
    assert seen["class[0]", 0] == "han"
    assert seen["word[0] place[0]", 1] == "砚川 end"
    assert seen["length[0]", 0] == "2"
    assert seen["coarse[0]", 0] == "3"
    assert why.text == "砚川"
    assert "at 1: word[0] place[0] = 砚川 end" in str(why)
    assert str(why).startswith(f"'砚川' [0, 2) 地名: {why.total:+.3f} against outside")


def test_unreadable_characters_are_escaped(fitted: SpanTagger) -> None:
    tagger = SpanTagger(templates=["char[0]", "char[-1] char[0]"], max_iter=20).fit(
        ["砚\x00\ud800 \u3000\t川"] * 8, [[(0, 7, "x")]] * 8
    )
    seen = {r.seen for r in tagger.explain("砚\x00\ud800 \u3000\t川", (0, 7, "x")).reasons if r.template == "char[0]"}
    assert seen == {"砚", "\\x00", "\\ud800", "' '", "'\\u3000'", "'\\t'", "川"}
    str(tagger.explain("砚\x00\ud800 \u3000\t川", (0, 7, "x"))).encode()


def test_a_layered_tagger_explains_by_the_layer_that_is_surest(layered: SpanTagger) -> None:
    inner = layered.explain(TEXTS[0], (3, 5, "专名"))
    outer = layered.explain(TEXTS[0], (3, 6, "地名"))
    assert inner.total > 0
    assert outer.total > 0


# -- what users get wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((0, 99, "地名"), "outside the 11 characters"),
        ((3, 3, "地名"), "empty"),
        ((-1, 3, "地名"), "outside"),
        ((0, 3, "职务"), "label '职务' is not known: the tagger has 人 名, 地名"),
        ((0, 3), "expected .start, end, label"),
        (None, "expected .start, end, label"),
    ],
)
def test_ranges_that_are_none(fitted: SpanTagger, span: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted.explain(TEXTS[0], span)
    if span is not None and len(span) == 3:
        with pytest.raises(InputError, match=message):
            fitted.span_probability(TEXTS[0], *span)


def test_questions_that_have_no_answer(fitted: SpanTagger) -> None:
    with pytest.raises(InputError, match=r"range \[13, 18\) goes beyond a sentence"):
        fitted.explain(NEW, (13, 18, "地名"))
    with pytest.raises(InputError, match="n=0: expected at least one reading"):
        fitted.nbest(NEW, 0)
    with pytest.raises(InputError, match="text 0 is bytes, expected str"):
        fitted.nbest(b"x", 1)  # type: ignore[arg-type]
    for ask in (
        lambda t: t.nbest(NEW, 1),
        lambda t: t.explain(NEW, (0, 1, "x")),
        lambda t: t.span_probability(NEW, 0, 1, "x"),
    ):
        with pytest.raises(NotFittedError):
            ask(SpanTagger())
