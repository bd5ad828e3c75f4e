"""Input that hurts: sentences without end, labels of any name, annotations that fit no word, any character."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts as any_texts

from tagger.errors import AnnotationError, InputError
from tagger.spans import LabelledRange, SpanTagger
from tagger.spans._features import Features
from tagger.spans._segments import MAX_SEGMENT, batches, segment_ends
from tagger.text.segmenter import Segmenter
from tagger.text.sentences import sentence_ends
from tagger.types import Span


def ranges(found: list[Span]) -> list[LabelledRange]:
    return [(s.start, s.end, s.label) for s in found]


def learned(text: str, spans: list[LabelledRange], **parameters: Any) -> list[LabelledRange]:
    """What a tagger says about the one text that it learned by heart."""
    tagger = SpanTagger(max_iter=30, **parameters).fit([text] * 8, [spans] * 8)
    return ranges(tagger.predict([text])[0])


def boundaries(text: str) -> np.ndarray:
    return Segmenter().boundaries(text)


# -- where texts are cut -------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(any_texts())
def test_ordinary_sentences_are_cut_as_everywhere_else(text: str) -> None:
    assert segment_ends(text, boundaries(text)) == sentence_ends(text)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["砚川市召开大会", "，", "。", "县" * 700, "𠮷 "]), st.integers(1, 90)), max_size=6
    )
)
def test_segments_cover_the_text_and_none_is_too_long(parts: list[tuple[str, int]]) -> None:
    text = "".join(piece * n for piece, n in parts)
    ends = segment_ends(text, boundaries(text))
    assert (ends[-1] if ends else 0) == len(text)
    assert all(0 < b - a <= MAX_SEGMENT for a, b in pairwise([0, *ends]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_cut_falls_into_an_annotation(data: st.DataObject) -> None:
    text = "砚川市召开大会，" * data.draw(st.integers(1, 500)) + "县" * data.draw(st.integers(0, 3000))
    edges = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    spans = [(a, b, "x") for a, b in zip(edges[::2], edges[1::2], strict=False)]
    ends = segment_ends(text, boundaries(text), spans)
    assert ends[-1] == len(text)
    assert not any(start < end < stop for end in ends for start, stop, _ in spans)
    longest = max((stop - start for start, stop, _ in spans), default=0)
    assert all(0 < b - a <= MAX_SEGMENT + longest for a, b in pairwise([0, *ends]))


def test_a_long_sentence_is_cut_behind_a_pause_or_else_between_words() -> None:
    text = "县" * 600 + "，" + "县" * 900
    assert segment_ends(text, boundaries(text))[0] == 601
    words = "审计局" * 500
    known = np.arange(0, len(words) + 1, 3, dtype=np.int32)
    assert segment_ends(words, known) == [999, 1500]
    assert segment_ends("县" * 2500, np.array([0, 2500], np.int32)) == [1000, 2000, 2500]  # one word: no better place


def test_an_annotation_moves_the_cut_before_it_and_one_that_is_too_long_behind_it() -> None:
    text = "县" * 2500
    whole = np.array([0, 2500], np.int32)
    assert segment_ends(text, whole, [(400, 1200, "x")]) == [400, 1400, 2400, 2500]
    assert segment_ends(text, whole, [(0, 1800, "x")]) == [1800, 2500]


def test_batches_join_at_segment_ends() -> None:
    ends = [1000 * i for i in range(1, 60)]
    found = list(batches(ends))
    assert [int(end) for offsets in found for end in offsets[1:]] == ends
    assert all(offsets[-1] - offsets[0] <= 16_384 for offsets in found)


def test_a_sentence_of_a_million_characters_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = SpanTagger(max_iter=10).fit(["砚川市召开大会。"] * 8, [[(0, 3, "地名")]] * 8)
    text = "砚川市召开大会" * 143_000
    at_once: list[int] = []
    keys = Features.keys
    monkeypatch.setattr(Features, "keys", lambda self, s, a, b: at_once.append(b - a) or keys(self, s, a, b))
    found = tagger.tag(text, boundaries(text))
    assert sum(at_once) == len(text)
    assert max(at_once) <= 16_384  # keys and scores, which are what takes room, are never there for more
    assert len(found.starts) > 142_000
    assert np.mean(found.ends - found.starts == 3) > 0.99  # a few are cut, since nothing is a better place


def test_training_on_a_sentence_without_end() -> None:
    text = "砚川市召开大会" * 1000
    spans = [(i, i + 3, "地名") for i in range(0, len(text), 7)]
    tagger = SpanTagger(max_iter=3).fit([text], [spans])
    assert len(tagger.predict([text])[0]) > 900


# -- labels --------------------------------------------------------------------------------------------------------

LABELS = ["O", "B-X", "-", " ", "人 名", "地名", "I-", "a.b/c", "𠮷", "'", '"', "\\", "0", "E", "S-O", "None"]


def test_labels_of_any_name() -> None:
    words = [f"第{chr(0x7532 + i)}号" for i in range(len(LABELS))]
    text = "，".join(words) + "。"
    spans = [(4 * i, 4 * i + 3, label) for i, label in enumerate(LABELS)]
    tagger = SpanTagger(max_iter=40).fit([text] * 8, [spans] * 8)
    assert tagger.labels_ == sorted(LABELS)
    assert ranges(tagger.predict([text])[0]) == spans
    assert SpanTagger.from_state(*tagger.to_state()).predict([text]) == tagger.predict([text])


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((0, 2, ""), r"text 1 \('鹿泷县。'…\): span \[0, 2\): its label is '', expected a str that is not empty"),
        ((0, 2, None), "its label is None, expected a str"),
        ((0, 2, 7), "its label is 7, expected a str"),
        ((0, 2), r"span \(0, 2\): expected \(start, end, label\)"),
        ((0.0, 2.0, "x"), r"span \(0.0, 2.0, 'x'\): expected .* with whole numbers"),
        (("0", "2", "x"), "with whole numbers"),
        (None, r"span None: expected \(start, end, label\)"),
        (5, "span 5: expected"),
    ],
)
def test_annotations_that_are_none(span: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        SpanTagger().fit(["砚川市。", "鹿泷县。"], [[], [span]])


def test_many_wrong_annotations_make_one_message() -> None:
    with pytest.raises(AnnotationError, match=r"^text 0 .*\[0, 99\).*; text 0 .*\[3, 3\).*; text 1 .*; and 2 more$"):
        SpanTagger().fit(
            ["砚川市。", "鹿泷县。"], [[(0, 99, "x"), (3, 3, "x")], [(9, 9, "x"), (2, 1, "x"), (0, 1, "")]]
        )


@pytest.mark.parametrize("spans", [None, "地名"])
def test_spans_that_are_no_list(spans: Any) -> None:
    with pytest.raises(InputError, match=r"spans of text 1: .* came, expected a list of \(start, end, label\)"):
        SpanTagger().fit(["砚川市。", "鹿泷县。"], [[], spans])


def test_offsets_may_be_numpy_numbers_and_spans_lists() -> None:
    spans: Any = [[[np.int64(0), np.int32(3), "地名"]]]
    tagger = SpanTagger(max_iter=20).fit(["砚川市。"] * 8, spans * 8)
    (span,) = tagger.predict(["砚川市。"])[0]
    assert (span.start, span.end) == (0, 3)


# -- annotations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("今日 砚川市 开会。", (2, 7)),  # white space at both edges
        ("今日\u3000砚川市\u3000开会。", (2, 7)),
        ("标题\n砚川市\n开会。", (3, 7)),  # a line end
        ("砚川市", (0, 3)),  # all there is
        ("市", (0, 1)),
        ("，", (0, 1)),
        (" ", (0, 1)),
        ("𠮷野县与𠀋村。", (0, 3)),  # astral characters count as one
        ("砚\x00川市开会。", (0, 4)),
        ("砚\ud800川市\udfff开会。", (0, 4)),  # lone surrogates
        ("砚川👩\u200d🌾市开会。", (2, 5)),
        ("审计工作会。", (1, 3)),  # across words
        ("会议。通过！决定？", (6, 9)),
    ],
)
def test_annotations_are_kept_to_the_character(text: str, span: tuple[int, int]) -> None:
    assert learned(text, [(*span, "x y")]) == [(*span, "x y")]


def test_a_span_that_no_sentence_holds_is_learned_and_named() -> None:
    texts = ["会议。通过！决定？砚川市。", "县" * 1500]
    spans = [[(0, 9, "文件"), (9, 12, "地名")], [(0, 1500, "地名")]]
    message = r"2 of 3 annotated spans .* are learned but never found whole: text 0 \[0, 9\) 文件, text 1 \[0, 1500\)"
    with pytest.warns(UserWarning, match=message):
        SpanTagger(max_iter=3).fit(texts, spans)


def test_no_labels_at_all() -> None:
    tagger = SpanTagger(max_iter=3).fit(["砚川市。", ""], [[], []], validation=(["鹿泷县。"], [[]]))
    assert tagger.labels_ == []
    assert tagger.layers_ == [[]]
    assert tagger.predict(["砚川市。", "\x00"]) == [[], []]
    assert [len(readings) for readings in tagger.nbest("砚川市。好。", 3)] == [1, 1]
    assert SpanTagger.from_state(*tagger.to_state()).predict(["砚川市。"]) == [[]]
    assert tagger.reliability(["砚川市。"], [[]]).bins == ()


@pytest.mark.filterwarnings("ignore:.*never found whole:UserWarning")
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_can_be_annotated_can_be_learned_from(data: st.DataObject) -> None:
    texts = data.draw(st.lists(any_texts(8), min_size=1, max_size=3).filter(any))
    spans = [
        [
            (a, data.draw(st.integers(a + 1, len(text))), data.draw(st.sampled_from(["O", "人 名", "\x00"])))
            for a in data.draw(st.lists(st.integers(0, len(text) - 1), max_size=3))
        ]
        if text
        else []
        for text in texts
    ]
    tagger = SpanTagger(layers="auto", max_iter=2, random_state=1).fit(texts, spans)
    assert set(tagger.labels_) == {label for found in spans for _, _, label in found}
    for text, found in zip(texts, tagger.predict(texts), strict=True):
        assert all(0 <= s.start < s.end <= len(text) and text[s.start : s.end] == s.text for s in found)
