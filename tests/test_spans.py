"""The span tagger: what it learns, what it gives back, and what it says to annotations that cannot be right."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts as any_texts

from tagger.errors import AnnotationError, ConfigurationError, InputError, NotFittedError
from tagger.features.lexicon import Clusters, Gazetteer, Lexicon
from tagger.features.templates import DEFAULT_TEMPLATES, LEXICON_TEMPLATES
from tagger.spans import LabelledRange, SpanTagger, _features, _segments
from tagger.text.segmenter import Segmenter
from tagger.text.sentences import sentence_ends
from tagger.types import Span

CITIES = ("砚川市", "鹿泷县", "𠮷野县", "云岫区")
SENTENCES = (
    "{}召开大会。",
    "今日，{}发布通知！",
    "（记者 唐维桢）{}启动项目\n",
    "代表来自{}；",
)


def annotated(*pieces: str | tuple[str, str]) -> tuple[str, list[LabelledRange]]:
    """Put pieces together; a pair is a span and its label."""
    text, found = "", []
    for piece in pieces:
        if isinstance(piece, tuple):
            found.append((len(text), len(text) + len(piece[0]), piece[1]))
            piece = piece[0]
        text += piece
    return text, found


def corpus() -> tuple[list[str], list[list[LabelledRange]]]:
    texts, spans = [], []
    for city in CITIES:
        for sentence in SENTENCES:
            before, after = sentence.split("{}")
            text, found = annotated(before, (city, "地名"), after, "书记", ("唐维桢", "人 名"), "讲话。")
            texts.append(text)
            spans.append(found)
    return texts, spans


TEXTS, SPANS = corpus()


def ranges(found: list[Span]) -> list[LabelledRange]:
    return [(s.start, s.end, s.label) for s in found]


@pytest.fixture(scope="module")
def fitted() -> SpanTagger:
    return SpanTagger(max_iter=20).fit(TEXTS, SPANS)


# -- learning ------------------------------------------------------------------------------------------------------


def test_learns_its_texts_with_labels_of_any_name(fitted: SpanTagger) -> None:
    assert [ranges(found) for found in fitted.predict(TEXTS)] == SPANS
    assert fitted.score(TEXTS, SPANS) == 1.0
    assert fitted.labels_ == ["人 名", "地名"]


def test_spans_in_any_order_give_the_same_model(fitted: SpanTagger) -> None:
    again = SpanTagger(max_iter=20).fit(TEXTS, [list(reversed(found)) for found in SPANS])
    assert np.array_equal(again.crfs_[0].weights_, fitted.crfs_[0].weights_)


def test_annotations_that_cut_words_are_learned() -> None:
    text, found = annotated("全市", ("审", "动作"), "计工作", ("会议今", "其他"), "日召开。")
    words = np.cumsum([0, *map(len, Segmenter().cut(text))])
    assert {found[0][1], found[1][1]} - set(words.tolist())  # or else this test shows nothing
    tagger = SpanTagger(max_iter=30).fit([text] * 10, [found] * 10)
    assert ranges(tagger.predict([text])[0]) == found


def test_a_span_may_hold_a_sentence_end() -> None:
    text, found = annotated("文件", ("《做好。准备！》", "文件"), "发布。")
    with pytest.warns(UserWarning, match="never found whole"):
        tagger = SpanTagger(max_iter=30).fit([text] * 10, [found] * 10)
    assert tagger.labels_ == ["文件"]  # and training did not refuse the cut span


def test_a_label_seen_once() -> None:
    text, found = annotated("砚川市印发", ("《茶园办法》", "文件"), "。")
    tagger = SpanTagger(max_iter=20).fit([*TEXTS, text], [*SPANS, found])
    assert tagger.labels_ == ["人 名", "地名", "文件"]
    assert tagger.score(TEXTS, SPANS) > 0.9


def test_no_spans_at_all() -> None:
    tagger = SpanTagger(max_iter=2).fit(TEXTS, [[]] * len(TEXTS))
    assert tagger.labels_ == []
    assert tagger.predict(TEXTS) == [[]] * len(TEXTS)


def test_empty_texts_say_nothing(fitted: SpanTagger) -> None:
    again = SpanTagger(max_iter=20).fit(["", *TEXTS, ""], [[], *SPANS, []])
    assert np.array_equal(again.crfs_[0].weights_, fitted.crfs_[0].weights_)
    assert fitted.predict(["", TEXTS[0], ""]) == [[], fitted.predict(TEXTS[:1])[0], []]
    assert fitted.predict([]) == []
    assert [len(part) for part in fitted.tag("", np.zeros(1, np.int32))] == [0, 0, 0, 0]


def test_progress_is_told_of_every_pass() -> None:
    told: list[int] = []
    SpanTagger(max_iter=3).fit(TEXTS, SPANS, progress=lambda epoch, loss: told.append(epoch))
    assert told == [1, 2, 3]


def test_a_user_word_reaches_the_features() -> None:
    segmenter = Segmenter(user_words=["砚川市"])
    tagger = SpanTagger(templates=["word[0] place[0]"], segmenter=segmenter, max_iter=20)
    tagger.fit(["砚川市召开大会。", "通知由砚川市发布。"] * 8, [[(0, 3, "地名")], [(3, 6, "地名")]] * 8)
    assert ranges(tagger.predict(["大会通知砚川市。"])[0]) == [(4, 7, "地名")]
    assert ranges(tagger.predict(["大会通知砚川。"])[0]) == []  # no word of that name here


# -- what comes out ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.lists(any_texts() | st.sampled_from(TEXTS), max_size=3).map("".join))
def test_spans_cut_the_text_do_not_overlap_and_have_a_probability(fitted: SpanTagger, text: str) -> None:
    found = fitted.predict([text])[0]
    for span in found:
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end] == span.text
        assert span.label in fitted.labels_
        assert 0 <= span.confidence <= 1
        assert [type(value) for value in (span.start, span.end, span.confidence)] == [int, int, float]
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_one_at_a_time_equals_many_at_once(fitted: SpanTagger) -> None:
    texts = [*TEXTS, "", "砚", "陌生的文字，没有什么。"]
    assert [fitted.predict([text])[0] for text in texts] == fitted.predict(texts)


def test_tag_equals_predict(fitted: SpanTagger) -> None:
    for text in TEXTS:
        tagged = fitted.tag(text, Segmenter().boundaries(text))
        rows = [
            (start, end, fitted.labels_[label], confidence)
            for start, end, label, confidence in zip(*(a.tolist() for a in tagged), strict=True)
        ]
        assert rows == [(s.start, s.end, s.label, s.confidence) for s in fitted.predict([text])[0]]


def test_confidence_is_the_exact_probability(fitted: SpanTagger) -> None:
    text = "今日，砚川市"
    keys = fitted._features.keys(fitted._features.streams([text], [Segmenter().boundaries(text)]), 0, len(text))
    scores = fitted.crfs_[0].emissions(keys)
    (span,) = fitted.predict([text])[0]
    tags = [f"B-{span.label}", *[f"I-{span.label}"] * (span.end - span.start - 2), f"E-{span.label}"]
    # Shut every other tag out of the span's tokens: what is left of Z is the span's share.
    shut = np.full_like(scores, -np.inf)
    shut[: span.start] = shut[span.end :] = 0
    for t, tag in zip(range(span.start, span.end), tags, strict=True):
        shut[t, fitted.crfs_[0].tags_.index(tag)] = 0
    share = np.exp(fitted.crfs_[0].marginals(scores + shut)[0] - fitted.crfs_[0].marginals(scores)[0])
    assert span.confidence == pytest.approx(share, abs=1e-9)


def test_batches_change_nothing(fitted: SpanTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(TEXTS) + "砚" * 1500 + TEXTS[0]  # among them a sentence longer than the longest allowed
    whole = fitted.predict([text])[0]
    assert len(whole) > 20
    for size in (1, 7, 100, 999):
        monkeypatch.setattr(_segments, "BATCH", size)
        monkeypatch.setattr(_features, "BATCH", size)
        assert fitted.predict([text])[0] == whole


def test_a_text_of_many_batches(fitted: SpanTagger) -> None:
    unit = "".join(TEXTS)
    n = 3 * _segments.BATCH // len(unit)
    once = [span for span in ranges(fitted.predict([unit * 2])[0]) if span[0] < len(unit)]
    found = ranges(fitted.predict([unit * n])[0])
    assert len(sentence_ends(unit * n)) > n
    assert found == [
        (start + i * len(unit), end + i * len(unit), label) for i in range(n) for start, end, label in once
    ]


def test_a_sentence_without_end(fitted: SpanTagger) -> None:
    text = "砚川市召开大会" * 5000
    found = fitted.predict([text])[0]
    assert all(text[s.start : s.end] == s.text for s in found)
    assert len(found) > 4000


# -- templates and lexicon -----------------------------------------------------------------------------------------

LEXICON = Lexicon(words=Clusters.from_strings(dict.fromkeys(("大岭", "小岭", "高岭"), (1, 2, 3))))
WHOLE_LEXICON = Lexicon(
    words=LEXICON.words,
    pairs=Clusters.from_strings(dict.fromkeys(("砚川", "鹿泷"), (1, 2, 3))),
    gazetteer=Gazetteer.from_entries({"砚川市": "地名", "鹿泷县": "地名", "大会": "会议"}),
)


def test_a_lexicon_finds_words_that_were_never_annotated() -> None:
    segmenter = Segmenter(user_words=["大岭", "小岭", "高岭"])
    texts, spans = ["大岭丰收。", "小岭丰收。", "茶园丰收。"] * 8, [[(0, 2, "地名")], [(0, 2, "地名")], []] * 8
    templates = ["coarse[0] place[0]", "place[0]"]
    tagger = SpanTagger(templates=templates, lexicon=LEXICON, segmenter=segmenter, max_iter=20).fit(texts, spans)
    assert ranges(tagger.predict(["高岭丰收。"])[0]) == [(0, 2, "地名")]
    assert tagger.predict(["山村丰收。"]) == [[]]
    again = SpanTagger.from_state(*tagger.to_state(), segmenter=segmenter, lexicon=LEXICON)
    assert again.predict(["高岭丰收。"]) == tagger.predict(["高岭丰收。"])


def test_lexicon_templates_are_added_by_default_for_the_parts_that_are_there() -> None:
    found = [
        SpanTagger(lexicon=lexicon, max_iter=1).fit(TEXTS, SPANS).to_state()[0]["templates"]
        for lexicon in (None, Lexicon(), LEXICON, WHOLE_LEXICON)
    ]
    assert found[0] == found[1] == list(DEFAULT_TEMPLATES)
    assert found[2] == [*DEFAULT_TEMPLATES, *LEXICON_TEMPLATES["words"]]
    assert found[3] == [*DEFAULT_TEMPLATES, *(one for part in LEXICON_TEMPLATES.values() for one in part)]


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("coarse[0]", "words"),
        ("char[0] middle[-1]", "words"),
        ("pair_fine[1] place[0]", "pairs"),
        ("begins[0]", "gazetteer"),
        ("word[0] kind[1]", "gazetteer"),
    ],
)
def test_templates_need_the_part_of_the_lexicon_that_they_ask_for(template: str, part: str) -> None:
    others = {name: getattr(WHOLE_LEXICON, name) for name in LEXICON_TEMPLATES if name != part}
    for lexicon in (None, Lexicon(**others)):
        with pytest.raises(ConfigurationError, match=f"asks for the {part} of a lexicon: give the tagger a lexicon"):
            SpanTagger(templates=["char[0]", template], lexicon=lexicon).fit(TEXTS, SPANS)


def test_a_model_with_clusters_is_not_loaded_without_its_lexicon() -> None:
    state = SpanTagger(lexicon=LEXICON, max_iter=1).fit(TEXTS, SPANS).to_state()
    with pytest.raises(ConfigurationError, match="asks for the words of a lexicon"):
        SpanTagger.from_state(*state)


@pytest.mark.parametrize("lexicon", [None, WHOLE_LEXICON], ids=["no lexicon", "lexicon"])
def test_many_texts_at_once_are_as_each_alone(lexicon: Lexicon | None) -> None:
    tagger = SpanTagger(lexicon=lexicon, max_iter=10).fit(TEXTS, SPANS)
    texts = ["", *TEXTS, "", "", "砚", "川市", "（砚川市", "鹿泷县）", "\n", *reversed(TEXTS), ""]
    assert tagger.predict(texts) == [tagger.predict([text])[0] for text in texts]
    assert sum(map(len, tagger.predict(texts))) > len(TEXTS)


# -- state ---------------------------------------------------------------------------------------------------------


def test_state_is_plain_data_and_keeps_every_prediction(fitted: SpanTagger) -> None:
    meta, arrays = fitted.to_state()
    again = SpanTagger.from_state(json.loads(json.dumps(meta)), arrays)
    assert again.predict(TEXTS) == fitted.predict(TEXTS)
    assert again.to_state()[0] == meta


def test_labels_that_do_not_fit_the_tags_are_refused(fitted: SpanTagger) -> None:
    meta, arrays = fitted.to_state()
    with pytest.raises(InputError, match="not those of the span labels"):
        SpanTagger.from_state({**meta, "labels": ["地名", "人 名"]}, arrays)


# -- score ---------------------------------------------------------------------------------------------------------


class Answers(SpanTagger):
    """Predict spans that are known beforehand."""

    def predict(self, texts: Any) -> list[list[Span]]:
        return [[Span(start, end, label, "", 1.0) for start, end, label in found] for found in texts]


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ([[(0, 2, "A")]], [[(0, 2, "A")]], 1.0),
        ([[(0, 2, "A")]], [[(0, 2, "B")]], 0.0),
        ([[(0, 2, "A")]], [[(0, 3, "A")]], 0.0),
        ([[(0, 2, "A"), (3, 4, "B")], []], [[(0, 2, "A")], [(3, 4, "B")]], 0.5),  # 1 of 2, and 1 of 2
        ([[(0, 2, "A"), (2, 4, "A"), (5, 6, "B")]], [[(0, 2, "A")]], 0.5),  # 1 of 3, and 1 of 1
        ([[]], [[(0, 1, "A")]], 0.0),
        ([[(0, 1, "A")]], [[]], 0.0),
        ([[], []], [[], []], 1.0),
        ([], [], 1.0),
        ([[(0, 2, "A")]], [[[0, 2, "A"]]], 1.0),  # spans as lists, as JSON gives them
    ],
)
def test_score_counts_as_done_by_hand(predicted: Any, gold: Any, expected: float) -> None:
    assert Answers().score(predicted, gold) == pytest.approx(expected)


def test_score_equals_seqeval_in_strict_mode() -> None:
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOBES

    from tagger.crf.scheme import spans_to_tags

    rng = np.random.default_rng(0)

    def draw(n: int) -> list[LabelledRange]:
        bounds = np.unique(rng.integers(0, n + 1, 10)).tolist()
        return [(a, b, str(rng.choice(["人名", "地名", "机构"]))) for a, b in pairwise(bounds) if rng.random() < 0.6]

    n_tokens = 12
    for _ in range(40):
        gold = [draw(n_tokens) for _ in range(6)]
        predicted = [found if rng.random() < 0.4 else draw(n_tokens) for found in gold]
        ours = Answers().score(predicted, gold)  # type: ignore[arg-type]
        theirs = f1_score(
            *([spans_to_tags(found, n_tokens) for found in side] for side in (gold, predicted)),
            mode="strict", scheme=IOBES, average="micro", zero_division=0,
        )  # fmt: skip
        assert ours == pytest.approx(theirs)


# -- what users get wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([(5, 9, "地名")], r"text 1 \('鹿泷县召开会议。'…\): span \[5, 9\) 地名: empty, or outside the 8 characters"),
        ([(3, 3, "地名")], r"text 1 .*span \[3, 3\) 地名: empty"),
        ([(-2, 3, "地名")], r"text 1 .*span \[-2, 3\) 地名: empty, or outside"),
    ],
)
def test_annotations_that_cannot_be_right_name_text_range_and_label(found: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        SpanTagger().fit(["砚川市。", "鹿泷县召开会议。"], [[], found])


def test_a_span_in_an_empty_text_is_an_error() -> None:
    with pytest.raises(AnnotationError, match=r"text 1 .*span \[0, 2\) 地名: empty, or outside the 0 characters"):
        SpanTagger().fit(["砚川市。", ""], [[], [(0, 2, "地名")]])


@pytest.mark.parametrize(
    ("texts", "spans", "message"),
    [
        (["砚川"], [], "1 texts but 0 lists of spans"),
        ([], [], "no text to learn from"),
        (["", ""], [[], []], "no text to learn from"),
        ("砚川", [[], []], r"one str came where a sequence of texts was expected: write \[text\]"),
        (["砚川", None], [[], []], "text 1 is NoneType, expected str"),
    ],
)
def test_texts_and_spans_that_do_not_match(texts: Any, spans: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SpanTagger().fit(texts, spans)


@pytest.mark.parametrize(
    ("texts", "message"), [("砚川", r"write \[text\]"), (["砚川", b"x"], "text 1 is bytes, expected str")]
)
def test_predicting_what_is_not_texts(fitted: SpanTagger, texts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted.predict(texts)


@pytest.mark.parametrize(("parameter", "value"), [("dropout", 1.5), ("max_iter", 0), ("learning_rate", -1)])
def test_parameters_out_of_range_are_named(parameter: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{parameter}={value}: expected"):
        SpanTagger(**{parameter: value}).fit(TEXTS, SPANS)


def test_predicting_before_fit_says_what_to_do() -> None:
    for call in (lambda: SpanTagger().predict([]), lambda: SpanTagger().tag("", np.zeros(1, np.int32))):
        with pytest.raises(NotFittedError, match="SpanTagger is not fitted yet: call fit"):
            call()
