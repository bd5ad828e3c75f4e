"""Window templates: each feature tells its template, its values and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from tagger.errors import ConfigurationError
from tagger.features.lexicon import WordClusters
from tagger.features.templates import (
    CHAR_STREAMS,
    DEFAULT_TEMPLATES,
    LEXICON_TEMPLATES,
    WORD_STREAMS,
    char_classes,
    codepoints,
    compile_templates,
    is_wordlike,
    template_keys,
    text_streams,
)

ALL = (*DEFAULT_TEMPLATES, *LEXICON_TEMPLATES)
LEXICON = WordClusters.from_words({"砚川": (1, 3, 9), "鹿泷": (1, 3, 8), "召开": (2, 4, 7)})


def fill(
    words: list[str], templates: tuple[str, ...] = DEFAULT_TEMPLATES, *, lexicon: WordClusters | None = None
) -> np.ndarray:
    """Keys (n_chars, n_templates) of a text given by its words."""
    bounds = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int32)
    text = "".join(words)
    return template_keys(*text_streams(text, bounds, lexicon), *compile_templates(templates), 0, len(text))


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
    assert streams.chars[0].tolist() == [ord(c) for c in "砚川县𠮷开"]
    assert streams.chars[2].tolist() == [1, 2, 3, 1, 2]  # begin, end; single; begin, end
    assert streams.word_of.tolist() == [0, 0, 1, 2, 2]
    assert streams.words[1].tolist() == [2, 1, 2]
    assert streams.words[2:].tolist() == [[1, 0, 0], [3, 0, 0], [9, 0, 0]]
    assert streams.words[0].tolist() == WordClusters.keys_of(["砚川", "县", "𠮷开"]).tolist()


def test_long_words_have_a_middle_and_a_bounded_length() -> None:
    streams = text_streams("砚川市人民政府办公室", np.array([0, 10], np.int32))
    assert streams.chars[2].tolist() == [1, *[0] * 8, 2]
    assert streams.words[1].tolist() == [6]
    assert not streams.words[2:].any()


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
    bounds = np.concatenate([[0], np.cumsum([len(word) for word in cut(text, lengths)])]).astype(np.int32)
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
