"""Sentences: cuts that cover the text, close to where a reader would make them."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from tagger.errors import ConfigurationError
from tagger.text.sentences import sentence_ends


def sentences(text: str, **options: int) -> list[str]:
    return [text[a:b] for a, b in pairwise([0, *sentence_ends(text, **options)])]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("砚", ["砚"]),
        ("砚川市召开大会", ["砚川市召开大会"]),
        ("大会召开。代表发言！“散会？”砚川；", ["大会召开。", "代表发言！", "“散会？”", "砚川；"]),
        ("（大会召开。）鹿泷", ["（大会召开。）", "鹿泷"]),
        ("真的吗？！是。。。", ["真的吗？！", "是。。。"]),
        ("新桥合龙\n砚川市新桥。\n\n茶园", ["新桥合龙\n", "砚川市新桥。\n\n", "茶园"]),
        ("\n\n", ["\n\n"]),
        ("\n砚川", ["\n", "砚川"]),
        ("。", ["。"]),
        ("3.5%,a.b", ["3.5%,a.b"]),
        ("𠮷野。𠀋", ["𠮷野。", "𠀋"]),
    ],
)
def test_cuts(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(texts(), st.integers(1, 12))
def test_sentences_join_to_the_text_and_stay_short(text: str, max_length: int) -> None:
    ends = sentence_ends(text, max_length=max_length)
    assert all(0 < end - start <= max_length for start, end in pairwise([0, *ends]))
    assert (ends[-1] if ends else 0) == len(text)


@given(texts(), st.integers(1, 12), st.data())
def test_no_cut_falls_into_a_protected_range(text: str, max_length: int, data: st.DataObject) -> None:
    bounds = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    protected = list(zip(bounds[::2], bounds[1::2], strict=False))
    ends = sentence_ends(text, max_length=max_length, protected=protected)
    assert not any(start < end < stop for end in ends for start, stop in protected)
    assert (ends[-1] if ends else 0) == len(text)
    assert set(ends) <= set(sentence_ends(text, max_length=max_length))


def test_a_long_sentence_is_cut_behind_its_last_pause() -> None:
    assert sentences("砚川鹿泷，今日大会，代表发言人数多", max_length=12) == ["砚川鹿泷，今日大会，", "代表发言人数多"]


def test_a_pause_at_the_very_limit_is_the_last() -> None:
    assert sentences("砚川鹿泷今日，大会，代表发言", max_length=10) == ["砚川鹿泷今日，大会，", "代表发言"]


def test_a_long_sentence_without_a_pause_is_cut_hard() -> None:
    assert [len(s) for s in sentences("砚" * 25, max_length=10)] == [10, 10, 5]
    early = "砚，" + "川" * 20  # a pause in the first half would leave crumbs
    assert [len(s) for s in sentences(early, max_length=10)] == [10, 10, 2]


@pytest.mark.parametrize("text", ["砚" * 300_000, "，" * 300_000, "。" * 300_000, "\n" * 300_000, "”" * 300_000])
def test_time_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    began = time.perf_counter()
    assert sentence_ends(text)[-1] == len(text)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("max_length", [0, -1])
def test_a_length_below_one_is_refused(max_length: int) -> None:
    with pytest.raises(ConfigurationError, match=f"max_length={max_length}: expected at least 1"):
        sentence_ends("砚川", max_length=max_length)
