"""Gazetteers: the longest entries at each character, and a tagger that weighs them instead of obeying."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts as any_texts

from tagger.errors import InputError
from tagger.features.lexicon import Gazetteer, Lexicon
from tagger.features.templates import codepoints
from tagger.spans import SpanTagger

LONGEST = 8
alphabet = "砚川市𠮷a"
strings = st.text(alphabet, min_size=1, max_size=5) | st.text(alphabet, min_size=7, max_size=10)
kinds = st.sampled_from(["地名", "人名", "机构"])


def expected(gazetteer: Gazetteer, entries: dict[str, str], texts: list[str]) -> list[list[int]]:
    """Look at every substring of every text. Of equal lengths the entry that begins first counts."""
    rows: list[list[int]] = [[], [], []]
    for text in texts:
        hits = [
            (start, end, 256 * min(end - start, LONGEST) + 1 + gazetteer.names.index(entries[text[start:end]]))
            for start in range(len(text))
            for end in range(start + 1, len(text) + 1)
            if text[start:end] in entries
        ]
        for i in range(len(text)):
            begins = [value for start, end, value in hits if start == i]
            rows[0].append(begins[-1] if begins else 0)  # the longest, also beyond the lengths that are told apart
            ends = [value for start, end, value in hits if end == i + 1]
            rows[1].append(ends[0] if ends else 0)
            around = [value for start, end, value in hits if start < i < end - 1]
            rows[2].append(max(around, key=lambda value: value >> 8, default=0))
    return rows


@settings(deadline=None)  # the first example may have to compile
@given(st.dictionaries(strings, kinds, max_size=12), st.lists(st.text(alphabet, max_size=14), max_size=4))
def test_equals_a_look_at_every_substring(entries: dict[str, str], texts: list[str]) -> None:
    gazetteer = Gazetteer.from_entries(entries)
    offsets = np.cumsum([0, *map(len, texts)])
    found = gazetteer.matches(codepoints("".join(texts)), offsets)
    assert found.shape == (3, offsets[-1])
    assert found.tolist() == expected(gazetteer, entries, texts)
    if len(texts) == 1:
        assert np.array_equal(gazetteer.matches(codepoints(texts[0])), found)


@settings(deadline=None)
@given(st.dictionaries(strings, kinds, max_size=12), st.lists(strings, min_size=1, max_size=8))
def test_the_kind_of_each_word_equals_a_dict(entries: dict[str, str], words: list[str]) -> None:
    gazetteer = Gazetteer.from_entries(entries)
    bounds = np.cumsum([0, *map(len, words)]).astype(np.int32)
    numbers = gazetteer.kinds_of(codepoints("".join(words)), bounds).tolist()
    names = [gazetteer.names[number - 1] if number else None for number in numbers]
    assert names == [entries.get(word) for word in words] == [gazetteer.kind_of(word) for word in words]


@settings(deadline=None)
@given(any_texts(), any_texts().filter(bool))
def test_any_text_and_any_entry(text: str, entry: str) -> None:
    gazetteer = Gazetteer.from_entries({entry: "词"})
    begins = gazetteer.matches(codepoints(text + entry))[0]
    assert begins[len(text)] == 256 * min(len(entry), LONGEST) + 1
    assert gazetteer.kind_of(entry) == "词"


def test_a_beginning_is_no_entry_and_an_entry_may_be_a_beginning() -> None:
    gazetteer = Gazetteer.from_entries({"鹿泷县委办公室": "机构", "鹿泷": "地名"})
    assert [gazetteer.kind_of("鹿泷县委办公室"[:n]) for n in range(8)] == [None, None, "地名", *[None] * 4, "机构"]
    assert gazetteer.matches(codepoints("鹿泷县委办公"))[0].tolist() == [2 * 256 + 1, 0, 0, 0, 0, 0]
    assert len(gazetteer) == 2
    assert len(gazetteer.keys) == 7


def test_texts_behind_each_other_share_no_entry() -> None:
    gazetteer = Gazetteer.from_entries({"砚川": "地名"})
    codes = codepoints("砚川砚川")
    assert gazetteer.matches(codes, np.array([0, 1, 4]))[0].tolist() == [0, 0, 513, 0]
    assert gazetteer.matches(codes, np.array([0, 0, 2, 2, 4, 4]))[0].tolist() == [513, 0, 513, 0]
    assert gazetteer.matches(codes[:0], np.array([0])).shape == (3, 0)


def test_of_an_entry_that_comes_twice_the_last_kind_counts() -> None:
    gazetteer = Gazetteer.from_entries([("泷", "地名"), ("砚川", "地名"), ("泷", "姓")])
    assert (gazetteer.kind_of("泷"), len(gazetteer)) == ("姓", 2)
    assert gazetteer == Gazetteer.from_entries({"砚川": "地名", "泷": "姓"})
    assert gazetteer != Gazetteer.from_entries({"砚川": "地名", "泷": "地名"})
    assert gazetteer != Gazetteer.from_entries({"砚川": "地名", "泷": "氏"})
    assert gazetteer != {"泷": "姓"}


def test_an_empty_gazetteer_finds_nothing() -> None:
    gazetteer = Gazetteer.from_entries({})
    assert not gazetteer.matches(codepoints("砚川市")).any()
    assert gazetteer.kind_of("砚川") is None
    assert repr(gazetteer) == "Gazetteer(0 entries of no kind)"
    assert Lexicon.from_arrays(Lexicon(gazetteer=gazetteer).to_arrays()).gazetteer == gazetteer


def test_as_many_kinds_as_there_can_be() -> None:
    entries = {chr(0x4E00 + i): f"类{i:03}" for i in range(255)}
    gazetteer = Gazetteer.from_entries(entries)
    assert {entry: gazetteer.kind_of(entry) for entry in entries} == entries
    with pytest.raises(InputError, match="256 kinds, at most 255"):
        Gazetteer.from_entries({**entries, "砚川": "多"})


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"": "地名"}, "an entry is empty"),
        ({"砚川": ""}, "a kind is called '', expected a name of one line"),
        ({"砚川": "地\n名"}, "a kind is called '地\\\\n名'"),
    ],
)
def test_entries_that_are_wrong(entries: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gazetteer.from_entries(entries)


@pytest.mark.parametrize(
    ("keys", "kinds", "message"),
    [
        ([1, 2], [1], "2 keys but kinds of shape"),
        ([1, 2], [1, 2], "a kind has the number 2, but there are 1"),
        ([2, 1], [1, 1], "not sorted"),
    ],
)
def test_arrays_that_do_not_fit(keys: list[int], kinds: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gazetteer(np.array(keys, np.uint64), np.array(kinds, np.uint8), ["地名"])


def test_time_grows_with_the_text_alone() -> None:
    gazetteer = Gazetteer.from_entries({"砚" * n: "词" for n in range(1, 30)})
    gazetteer.matches(codepoints("砚"))
    codes = codepoints("砚" * 50_000)
    start = time.perf_counter()
    gazetteer.matches(codes)
    assert time.perf_counter() - start < 5


# -- trust ---------------------------------------------------------------------------------------------------------

PLACES = ("鹿泷", "鹭洲", "青岬", "云碛", "石梁", "苇塘", "檀溪", "砚川", "葭浦", "岚桥")
NO_NAMES = ("晴朗", "丰收", "热闹", "清洁", "安宁", "繁忙", "整齐", "明亮", "宽敞", "平静")
OF_PLACES = ("昨日他前往X调研。", "代表团抵达X参观。", "他在X出生。")
OF_OTHERS = ("今年的景象十分X。", "这里一直非常X。", "街道变得X起来。")


def annotated(template: str, name: str) -> tuple[str, list[tuple[int, int, str]]]:
    at = template.index("X")
    return template.replace("X", name), [(at, at + len(name), "地名")]


def test_a_wrong_entry_is_outvoted_not_obeyed() -> None:
    """Half of the entries are no names; the words around tell which, also of entries that were never annotated."""
    gazetteer = Gazetteer.from_entries(dict.fromkeys((*PLACES, *NO_NAMES), "地名"))
    rows = [annotated(template, name) for name in PLACES[:8] for template in OF_PLACES]
    rows += [(template.replace("X", word), []) for word in NO_NAMES[:8] for template in OF_OTHERS]
    texts, spans = map(list, zip(*rows, strict=True))
    tagger = SpanTagger(lexicon=Lexicon(gazetteer=gazetteer), max_iter=30).fit(texts, spans)
    for template in OF_PLACES:
        for name in PLACES[8:]:
            assert [s.text for s in tagger.predict([template.replace("X", name)])[0]] == [name]
    for template in OF_OTHERS:
        for word in (*NO_NAMES, *PLACES[8:]):  # right entries too, where nothing else speaks for a place
            assert tagger.predict([template.replace("X", word)]) == [[]]


def test_an_entry_helps_where_it_can_be_trusted() -> None:
    """Contexts say nothing here: only the entries tell names from other words."""
    rows = [annotated("昨日前往X调研。", name) for name in PLACES[:8]]
    rows += [("昨日前往X调研。".replace("X", word), []) for word in NO_NAMES[:8]]
    texts, spans = map(list, zip(*rows, strict=True))
    gazetteer = Gazetteer.from_entries(dict.fromkeys(PLACES, "地名"))
    tagger = SpanTagger(lexicon=Lexicon(gazetteer=gazetteer), max_iter=30).fit(texts, spans)
    found = tagger.predict(["昨日前往X调研。".replace("X", name) for name in (*PLACES[8:], *NO_NAMES[8:])])
    assert [[span.text for span in own] for own in found] == [["葭浦"], ["岚桥"], [], []]
