"""Window templates: each feature tells its template, its values and nothing else."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from tagger.errors import ConfigurationError
from tagger.features._brackets import _BRACKETS, _WIDEST, enclosing
from tagger.features.lexicon import Clusters, Gazetteer, Lexicon
from tagger.features.templates import (
    CHAR_STREAMS,
    DEFAULT_TEMPLATES,
    LEXICON_STREAMS,
    LEXICON_TEMPLATES,
    WORD_STREAMS,
    Streams,
    char_classes,
    codepoints,
    compile_templates,
    is_wordlike,
    template_keys,
    text_streams,
)

ALL = (*DEFAULT_TEMPLATES, *(template for part in LEXICON_TEMPLATES.values() for template in part))
LEXICON = Lexicon(
    words=Clusters.from_strings({"砚川": (1, 3, 9), "鹿泷": (1, 3, 8), "召开": (2, 4, 7)}),
    pairs=Clusters.from_strings({"砚川": (5, 6, 7), "川县": (8, 9, 10), "川砚": (11, 12, 13)}),
    gazetteer=Gazetteer.from_entries({"砚川": "地名", "川砚": "名", "鹿泷县": "地名"}),
)


def fill(
    words: list[str], templates: tuple[str, ...] = DEFAULT_TEMPLATES, *, lexicon: Lexicon | None = None
) -> np.ndarray:
    """Keys (n_chars, n_templates) of a text given by its words."""
    bounds = bounds_of(words)
    text = "".join(words)
    return template_keys(*text_streams(text, bounds, lexicon), *compile_templates(templates), 0, len(text))


def bounds_of(words: list[str]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int32)


def chars_of(streams: Streams, name: str) -> list[int]:
    return streams.chars[CHAR_STREAMS.index(name)].tolist()


def words_of(streams: Streams, name: str) -> list[int]:
    return streams.words[WORD_STREAMS.index(name)].tolist()


def cut(text: str, lengths: list[int]) -> list[str]:
    words, done = [], 0
    for n in lengths:
        if done < len(text):
            words.append(text[done : done + n])
            done += n
    return [*words, *text[done:]]


# -- streams -------------------------------------------------------------------------------------------------------


def test_streams_of_a_small_text() -> None:
    streams = text_streams("砚川县𠮷开", np.array([0, 2, 3, 5], np.int32), LEXICON)
    assert chars_of(streams, "char") == [ord(c) for c in "砚川县𠮷开"]
    assert chars_of(streams, "place") == [1, 2, 3, 1, 2]  # begin, end; single; begin, end
    assert chars_of(streams, "bracket") == [0] * 5
    assert [chars_of(streams, f"pair_{grain}")[:3] for grain in ("coarse", "middle", "fine")] == [
        *([5, 8, 0], [6, 9, 0], [7, 10, 0])
    ]
    assert streams.word_of.tolist() == [0, 0, 1, 2, 2]
    assert words_of(streams, "word") == Clusters.keys_of(["砚川", "县", "𠮷开"]).tolist()
    assert words_of(streams, "length") == [2, 1, 2]
    assert [words_of(streams, grain) for grain in ("coarse", "middle", "fine")] == [[1, 0, 0], [3, 0, 0], [9, 0, 0]]
    assert (streams.char_offsets.tolist(), streams.word_offsets.tolist()) == ([0, 5], [0, 3])


def test_streams_of_a_gazetteer() -> None:
    text = "鹿泷县砚川"
    streams = text_streams(text, np.array([0, 2, 3, 5], np.int32), LEXICON)
    place = 1 + LEXICON.gazetteer.names.index("地名")
    assert chars_of(streams, "begins") == [3 * 256 + place, 0, 0, 2 * 256 + place, 0]
    assert chars_of(streams, "ends") == [0, 0, 3 * 256 + place, 0, 2 * 256 + place]
    assert chars_of(streams, "covered") == [0, 3 * 256 + place, 0, 0, 0]
    assert words_of(streams, "kind") == [0, 0, place]  # as jieba cut it, the county is no word


@pytest.mark.parametrize("part", sorted(LEXICON_STREAMS))
def test_streams_of_a_part_that_is_missing_are_zero(part: str) -> None:
    text, bounds = "砚川县鹿泷县砚川", np.array([0, 2, 3, 5, 6, 8], np.int32)
    whole = text_streams(text, bounds, LEXICON)
    without = Lexicon(**{name: getattr(LEXICON, name) for name in LEXICON_STREAMS if name != part})
    lacking = text_streams(text, bounds, without)
    for read, streams in ((chars_of, CHAR_STREAMS), (words_of, WORD_STREAMS)):
        for name in streams:
            if name in LEXICON_STREAMS[part]:
                assert any(read(whole, name)) and not any(read(lacking, name))
            else:
                assert read(whole, name) == read(lacking, name)


def test_what_a_template_asks_of_a_lexicon() -> None:
    known = {name for streams in LEXICON_STREAMS.values() for name in streams}
    assert known < {*CHAR_STREAMS, *WORD_STREAMS}
    for part, templates in LEXICON_TEMPLATES.items():
        compile_templates(templates)
        for template in templates:
            asked = {atom.partition("[")[0] for atom in template.split()}
            assert asked & known and asked & known <= set(LEXICON_STREAMS[part])
    assert not any(name in template for template in DEFAULT_TEMPLATES for name in known)


def test_long_words_have_a_middle_and_a_bounded_length() -> None:
    streams = text_streams("砚川市人民政府办公室", np.array([0, 10], np.int32))
    assert chars_of(streams, "place") == [1, *[0] * 8, 2]
    assert words_of(streams, "length") == [6]
    assert not any(any(words_of(streams, name)) for name in ("coarse", "middle", "fine", "kind"))


@settings(deadline=None)  # the first example may have to compile
@given(texts())
def test_codepoints_are_those_of_the_string(text: str) -> None:
    assert codepoints(text).tolist() == [ord(char) for char in text]


@pytest.mark.parametrize(
    ("chars", "same"),
    [
        ("党砚ぁ한", True),
        ("09３²", True),
        ("aZＡéü", True),
        ("。！？；.!?;…\n", True),
        ("，、,：:", True),
        ("（(《〈“‘「『【", True),
        ("）)》〉”’」』】", True),
        ("〇一二十百千万亿两", True),
        (" \u3000\t\u200b", True),
        ("党一9a。，《》 ＋", False),  # each of another class
    ],
)
def test_character_classes(chars: str, same: bool) -> None:
    classes = char_classes(codepoints(chars))
    assert len(set(classes.tolist())) == (1 if same else len(chars))


def test_astral_characters_are_taken_for_han() -> None:
    classes = char_classes(codepoints("党𠮷\U0010ffff"))
    assert len(set(classes.tolist())) == 1


def test_what_can_stand_in_a_word() -> None:
    text = "党a9三，。 《》\n＋\ud800𠮷"
    kept = is_wordlike(char_classes(codepoints(text)))
    assert [c for c, k in zip(text, kept, strict=True) if k] == ["党", "a", "9", "三", "𠮷"]


# -- brackets ------------------------------------------------------------------------------------------------------

MARKS = "".join(_BRACKETS)
NUMBERS = {mark: number for number, marks in enumerate(_BRACKETS, 1) for mark in marks}
OPENING = {mark for marks in _BRACKETS for mark in marks[::2]}
CLOSING = {mark for marks in _BRACKETS for mark in marks[1::2]}


def closes(later: str, earlier: str) -> bool:
    if '"' in (later, earlier):
        return later == earlier
    return NUMBERS[later] == NUMBERS[earlier] and later in CLOSING and earlier in OPENING


def kinds_around(text: str) -> list[int]:
    """Replay the marks of each paragraph; the pairs that are found innermost first cover what no other covered."""
    found = [0] * len(text)
    opened: list[int] = []
    for i, char in enumerate(text):
        if char == "\n":
            opened = []
        if char not in NUMBERS:
            continue
        near = [k for k, at in enumerate(opened) if i - at - 1 <= _WIDEST and closes(char, text[at])]
        if near:
            start = opened[near[-1]]
            opened = opened[: near[-1]]
            found[start + 1 : i] = [kind or NUMBERS[char] for kind in found[start + 1 : i]]
        elif char in OPENING:
            opened.append(i)
    return found


def around(*texts: str) -> list[int]:
    return enclosing(codepoints("".join(texts)), np.cumsum([0, *map(len, texts)])).tolist()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(f"{MARKS}砚𠮷\n", max_size=30), max_size=4))
def test_enclosing_equals_a_replay_of_each_text(texts: list[str]) -> None:
    assert around(*texts) == [kind for text in texts for kind in kinds_around(text)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("印发《意见》了", "0001100"),
        ("《关于“三抓”的（试行）意见》", "011122111331110"),
        ("《意见", "000"),
        ("意见》了", "0000"),
        ("《意〉见》", "01000"),  # of mixed width: the first that closes, closes
        ("“意」见", "0200"),
        ('说"好"和"坏"。', "002000200"),
        ('"好“坏"', "02220"),  # an ASCII mark closes an ASCII mark, and what was opened in between is forgotten
        ("（甲\n乙）", "00000"),
        ("（甲）\n（乙）", "0300030"),
        ("（）", "00"),
        ("（（甲）乙）", "033330"),
        ("（《甲）乙》", "033000"),
        ("[甲〕【乙]‘丙’", "040040050"),
        ("", ""),
    ],
)
def test_enclosing_of_small_texts(text: str, kinds: str) -> None:
    assert around(text) == [int(kind) for kind in kinds] == kinds_around(text)


def test_a_pair_that_is_too_wide_has_lost_a_mark() -> None:
    assert around(f"（{'砚' * _WIDEST}）") == [0, *[3] * _WIDEST, 0]
    assert not any(around(f"（{'砚' * (_WIDEST + 1)}）"))
    far = f"（{'砚' * 70}《甲）乙》"  # nor does such a mark take others with it
    assert around(far) == [*[0] * 72, *[1] * 3, 0]


def test_no_pair_reaches_from_one_text_into_the_next() -> None:
    assert around("（甲", "乙）") == [0] * 4
    assert around("", "（甲", "", "（乙）", "") == [0, 0, 0, 3, 0]


def test_unclosed_marks_cost_no_more_than_others() -> None:
    around("（")
    for text in ("（" * 200_000, "《（" * 100_000 + "》）" * 100_000, '"（' * 100_000):
        start = time.perf_counter()
        around(text)
        assert time.perf_counter() - start < 5


# -- several texts -------------------------------------------------------------------------------------------------

pieces = st.sampled_from(["砚川", "川砚", "鹿泷县", "召开", "《", "》", "\n", "𠮷", "。", "a"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(pieces, min_size=1, max_size=8), min_size=1, max_size=5), st.sampled_from([None, LEXICON]))
def test_texts_behind_each_other_are_as_each_alone(rows: list[list[str]], lexicon: Lexicon | None) -> None:
    """What makes predictions in batches exact."""
    compiled = compile_templates(ALL)
    alone = [text_streams("".join(words), bounds_of(words), lexicon) for words in rows]
    offsets = np.cumsum([0, *(len("".join(words)) for words in rows)])
    joined = [word for words in rows for word in words]
    together = text_streams("".join(joined), bounds_of(joined), lexicon, offsets=offsets)
    assert np.array_equal(together.chars, np.concatenate([one.chars for one in alone], axis=1))
    assert np.array_equal(together.words, np.concatenate([one.words for one in alone], axis=1))
    assert together.word_offsets.tolist() == np.cumsum([0, *map(len, rows)]).tolist()
    keys = template_keys(*together, *compiled, 0, int(offsets[-1]))
    each = [template_keys(*one, *compiled, 0, len("".join(words))) for one, words in zip(alone, rows, strict=True)]
    assert np.array_equal(keys, np.concatenate(each))
    middle = int(offsets[-1]) // 2
    assert np.array_equal(template_keys(*together, *compiled, middle, int(offsets[-1])), keys[middle:])


# -- keys ----------------------------------------------------------------------------------------------------------


def test_no_value_of_one_template_shares_a_key_with_another_template() -> None:
    # Mixed as they are, the number of a template and a character once cancelled out: char[-2] = U+515A and
    # char[-1] = U+5159 had one key.
    chars = [chr(code) for code in range(0x4E00, 0x5600)]
    templates = (*(f"char[{i}]" for i in range(-2, 3)), "class[0]", "place[0]", "length[0]")
    keys = fill(chars, templates)
    inner = keys[2:-2]
    assert len(np.unique(inner[:, :5])) == 5 * len(inner)
    assert not set(inner[:, :5].ravel().tolist()) & set(inner[:, 5:].ravel().tolist())
    assert [len(np.unique(column)) for column in inner[:, 5:].T] == [2, 1, 1]  # numerals are a class of their own
    assert len(np.unique(inner[:, 5:])) == 4


def test_every_template_gives_its_own_keys() -> None:
    keys = fill(list("\n\t 123一二三党砚川") * 3, ALL, lexicon=LEXICON)
    owners: dict[int, int] = {}
    for row in keys.tolist():
        for k, value in enumerate(row):
            assert owners.setdefault(value, k) == k


WINDOW = ["砚川", "县", "今日", "召开", "大会"]


@pytest.mark.parametrize(
    ("template", "sees"),
    [
        ("char[0]", {4}),
        ("char[-2]", {2}),
        ("char[+1]", {5}),
        ("char[-1] char[1]", {3, 5}),
        ("char[0] char[1]", {4, 5}),
        ("word[0]", {3, 4}),
        ("word[-1]", {2}),
        ("word[1]", {5, 6}),
        ("word[-2]", {0, 1}),
    ],
)
def test_a_key_changes_with_every_character_it_sees_and_with_no_other(template: str, sees: set[int]) -> None:
    here = 4  # the second character of the third word
    before = fill(WINDOW, (template,))[here, 0]
    changed = set()
    for i in range(len("".join(WINDOW))):
        text = list("".join(WINDOW))
        text[i] = "𠮷"
        words = cut("".join(text), [len(word) for word in WINDOW])
        if fill(words, (template,))[here, 0] != before:
            changed.add(i)
    assert changed == sees


def test_order_matters_within_a_template() -> None:
    assert fill(["甲", "乙"], ("char[0] char[1]",))[0, 0] != fill(["乙", "甲"], ("char[0] char[1]",))[0, 0]
    ab, ba = fill(["甲", "乙"], ("char[0] char[1]",)), fill(["甲", "乙"], ("char[1] char[0]",))
    assert ab[0, 0] != ba[0, 0]


def test_word_offsets_count_words() -> None:
    keys = fill(["砚川", "人民政府", "今日"], ("word[1]",))
    assert len(set(keys[:2, 0].tolist())) == 1
    assert len(set(keys[2:6, 0].tolist())) == 1
    assert len(set(keys[:, 0].tolist())) == 3


def test_place_and_clusters_are_seen() -> None:
    keys = fill(["砚川", "鹿泷"], ("coarse[0] place[0]", "fine[0] place[0]", "coarse[1]"), lexicon=LEXICON)
    assert keys[0, 0] == keys[2, 0] != keys[1, 0]  # one coarse cluster, the same place
    assert keys[0, 1] != keys[2, 1]
    assert keys[0, 2] != keys[2, 2]  # a cluster, and beyond the end


@pytest.mark.parametrize("stream", [*CHAR_STREAMS, *WORD_STREAMS])
def test_beyond_the_edges_is_one_value_that_nothing_has(stream: str) -> None:
    keys = fill(["砚川", "县"], (f"{stream}[-3]", f"{stream}[3]", f"{stream}[-99999]"), lexicon=LEXICON)
    assert (keys == keys[0]).all()
    inside = fill(["砚川", "县", "砚", "川", "召开"], (f"{stream}[-3]",), lexicon=LEXICON)
    assert inside[0, 0] == keys[0, 0] != inside[-1, 0]


@settings(deadline=None)
@given(texts(max_size=12).filter(bool), st.lists(st.integers(1, 4), max_size=20), st.data())
def test_a_slice_equals_the_rows_of_the_whole(text: str, lengths: list[int], data: st.DataObject) -> None:
    bounds = bounds_of(cut(text, lengths))
    streams = text_streams(text, bounds, LEXICON)
    compiled = compile_templates(ALL)
    whole = template_keys(*streams, *compiled, 0, len(text))
    assert whole.shape == (len(text), len(ALL))
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, len(text)))
    assert np.array_equal(template_keys(*streams, *compiled, first, last), whole[first:last])


def test_keys_that_stand_in_model_files_never_change() -> None:
    # Were these to change, every model on a shelf would look up features that it never learned.
    keys = fill(["审计", "𠮷"], ("char[0]", "char[-1] char[1]", "word[1] place[0]"))
    assert keys[0].tolist() == [13492858777743471026, 8820356610875026876, 10033624046451736365]


# -- templates -----------------------------------------------------------------------------------------------------


def test_compiled_templates() -> None:
    atoms, ends = compile_templates(["char[-1]  char[+1]", "word[0]"])
    assert atoms.tolist() == [[0, 0, -1], [0, 0, 1], [1, 0, 0]]
    assert ends.tolist() == [0, 2, 3]
    atoms, ends = compile_templates([])
    assert atoms.shape == (0, 3)
    assert ends.tolist() == [0]
    assert fill(["砚川"], ()).shape == (2, 0)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("字[0]", r"template '字\[0\]': '字\[0\]' is not stream\[offset\] with a stream of char, class"),
        ("char", r"template 'char': 'char' is not stream\[offset\]"),
        ("char[a]", r"'char\[a\]' is not"),
        ("char[0]char[1]", r"is not stream\[offset\]"),
        ("char[0], char[1]", r"'char\[0\],' is not"),
        ("", r"template '' is empty: write for example 'char\[0\]'"),
        ("  ", "is empty"),
    ],
)
def test_templates_that_cannot_be_read(template: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compile_templates(["char[0]", template])
