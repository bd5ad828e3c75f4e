"""Window templates: what the span tagger looks at around each character, as data.

A *stream* is one value a character (its code point, its class) or one value a word (the word, its length, its cluster).
A *template* names one or more streams at offsets, such as ``char[-1] char[0]`` or ``word[1] place[0]``; filled in at a
character it gives one feature key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from tagger._typing import I32Array, I64Array, U8Array, U64Array
from tagger.errors import ConfigurationError
from tagger.features._brackets import enclosing
from tagger.features._entries import pair_keys
from tagger.features._keys import fold, word_keys
from tagger.features.lexicon import Lexicon

__all__ = [
    "CHAR_STREAMS",
    "DEFAULT_TEMPLATES",
    "LEXICON_STREAMS",
    "LEXICON_TEMPLATES",
    "LONG_NAME_TEMPLATES",
    "WORD_STREAMS",
    "Streams",
    "char_classes",
    "codepoints",
    "compile_templates",
    "is_wordlike",
    "template_keys",
    "text_streams",
]

CHAR_STREAMS = (
    *("char", "class", "place", "bracket"),
    *("pair_coarse", "pair_middle", "pair_fine", "begins", "ends", "covered"),
)
"""Streams by character; an offset counts characters. The code point; its class; its place in its word (begin, middle,
end or single); the kind of bracket or quotation mark that it stands between; the clusters of this character and the
next as a pair; length and kind of the longest gazetteer entry
that begins here, that ends here, and that goes on at both sides."""

WORD_STREAMS = ("word", "length", "coarse", "middle", "fine", "kind")
"""Streams by word; an offset counts words from the one that the character stands in. The word; its length up to 6; its
clusters in a lexicon of three grains; its kind in a gazetteer."""

LEXICON_STREAMS = {
    "words": ("coarse", "middle", "fine"),
    "pairs": ("pair_coarse", "pair_middle", "pair_fine"),
    "gazetteer": ("begins", "ends", "covered", "kind"),
}
"""Which part of a lexicon fills which streams."""

DEFAULT_TEMPLATES: tuple[str, ...] = (
    *(f"char[{i}]" for i in range(-1, 2)),
    *(f"char[{i}] char[{i + 1}]" for i in range(-2, 2)),
    "class[0]",
    "class[-1] class[0] class[1]",
    "word[0] place[0]",
    "word[-1] place[0]",
    "word[1] place[0]",
    "place[0] length[0]",
    "bracket[0]",
)
"""Chosen on held-out parts of training data. What was left out costs more recall than it brings precision: longer
character n-grams and pairs of words, but also what others say already, such as the characters two places away."""

LEXICON_TEMPLATES: dict[str, tuple[str, ...]] = {
    "words": (
        "coarse[0] place[0]",
        "middle[-1] place[0]",
        "middle[0] place[0]",
        "middle[1] place[0]",
        "fine[0] place[0]",
    ),
    "pairs": (*(f"pair_middle[{i}]" for i in range(-2, 2)), "pair_fine[-1]", "pair_fine[0]"),
    "gazetteer": ("kind[0] place[0]",),
}
"""Added for each part that a lexicon has: what kind of word this one and its neighbours are, also where none of them
was in the annotated text. A gazetteer is looked up by jieba's words; for one with many names of several words, add
:data:`LONG_NAME_TEMPLATES`."""

LONG_NAME_TEMPLATES: tuple[str, ...] = ("begins[0] ends[0] covered[0]",)
"""Where in an entry of a gazetteer a character stands, whatever words it is made of."""

_ATOM = re.compile(r"(\w+)\[([+-]?\d+)\]")

# Character classes: what tells numbers, Latin and the kinds of Chinese punctuation apart.
_CLASSES = {
    "other": 0,
    "han": 1,
    "digit": 2,
    "latin": 3,
    "space": 4,
    "stop": 5,
    "pause": 6,
    "open": 7,
    "close": 8,
    "numeral": 9,
    "symbol": 10,
}
_SPECIAL = {
    "stop": "。！？；.!?;…\n",
    "pause": "，、,：:",
    "open": "（(《〈“‘「『【〔[",
    "close": "）)》〉”’」』】〕]",
    "numeral": "〇零一二三四五六七八九十百千万亿两",
}


def _class_of(char: str) -> int:
    for name, members in _SPECIAL.items():
        if char in members:
            return _CLASSES[name]
    category = unicodedata.category(char)
    if category == "Lo" or char in "々〆〻":
        return _CLASSES["han"]
    if category.startswith("N"):
        return _CLASSES["digit"]
    if category.startswith("L"):
        return _CLASSES["latin"]
    if category.startswith(("Z", "C")):
        return _CLASSES["space"]
    return _CLASSES["symbol"] if category.startswith(("P", "S")) else _CLASSES["other"]


@lru_cache(maxsize=1)
def _class_table() -> U8Array:
    """Class of each code point of the Basic Multilingual Plane; astral ones are taken for Han."""
    return np.array([_class_of(chr(code)) for code in range(0x10000)], np.uint8)


def codepoints(text: str) -> U64Array:
    """Code points of a string: shape ``(len(text),)``.

    Examples
    --------
    >>> codepoints("党建𠮷").tolist()
    [20826, 24314, 134071]
    """
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def char_classes(codes: U64Array) -> U8Array:
    """Class of each code point: shape as `codes`."""
    table = _class_table()
    classes: U8Array = np.where(codes < 0x10000, table[np.minimum(codes, 0xFFFF)], np.uint8(_CLASSES["han"]))
    return classes


def is_wordlike(classes: U8Array) -> U8Array:
    """Tell by its class whether a character can stand in a word: 1 for letters and numbers, 0 for the rest."""
    return _wordlike_table()[classes]


@lru_cache(maxsize=1)
def _wordlike_table() -> U8Array:
    wordlike = np.zeros(len(_CLASSES), np.uint8)
    wordlike[[_CLASSES[name] for name in ("han", "digit", "latin", "numeral")]] = 1
    return wordlike


class Streams(NamedTuple):
    """Every stream of a text, or of several behind each other.

    Attributes
    ----------
    chars : ndarray of uint64, shape (len(CHAR_STREAMS), n_chars)
    words : ndarray of uint64, shape (len(WORD_STREAMS), n_words)
    word_of : ndarray of int32, shape (n_chars,)
        Index of the word that each character stands in.
    char_offsets, word_offsets : ndarray of int64, shape (n_texts + 1,)
        Where each text begins, and the last one ends.
    """

    chars: U64Array
    words: U64Array
    word_of: I32Array
    char_offsets: I64Array
    word_offsets: I64Array


def text_streams(
    text: str, boundaries: I32Array, lexicon: Lexicon | None = None, *, offsets: I64Array | None = None
) -> Streams:
    """Fill every stream for a text, or for several put behind each other, of which none sees the others.

    Parameters
    ----------
    text : str
        ``n_chars`` characters, at least one.
    boundaries : ndarray of int32, shape (n_words + 1,)
        Word boundaries from 0 to ``n_chars``.
    offsets : ndarray of int64, shape (n_texts + 1,), optional
        Where each of several texts begins, and the last one ends; all are word boundaries. By default it is one.
    lexicon : Lexicon, optional
        Streams of a part that it lacks are zero everywhere.
    """
    codes = codepoints(text)
    offsets = np.array([0, len(codes)]) if offsets is None else offsets
    keys = word_keys(codes, boundaries)
    lengths = np.diff(boundaries)
    words = np.zeros((len(WORD_STREAMS), len(keys)), np.uint64)
    words[0] = keys
    words[1] = np.minimum(lengths, 6)
    chars = np.zeros((len(CHAR_STREAMS), len(codes)), np.uint64)
    chars[0] = codes
    chars[1] = char_classes(codes)
    word_of = np.repeat(np.arange(len(keys), dtype=np.int32), lengths)
    first = np.zeros(len(codes), bool)
    last = np.zeros(len(codes), bool)
    first[boundaries[:-1]] = True
    last[boundaries[1:] - 1] = True
    chars[2] = first + 2 * last  # middle 0, begin 1, end 2, single 3
    chars[3] = enclosing(codes, offsets)
    if lexicon is not None:
        _fill_from_lexicon(lexicon, codes, boundaries, offsets, chars, words)
    return Streams(chars, words, word_of, offsets, np.searchsorted(boundaries, offsets))


def _fill_from_lexicon(
    lexicon: Lexicon, codes: U64Array, boundaries: I32Array, offsets: I64Array, chars: U64Array, words: U64Array
) -> None:
    if lexicon.words is not None:
        words[2:5] = lexicon.words.of(words[0])
    if lexicon.pairs is not None:
        chars[4:7, :-1] = lexicon.pairs.of(pair_keys(codes))
        chars[4:7, offsets[1:-1] - 1] = 0  # the last of one text and the first of the next are no pair
    if lexicon.gazetteer is not None:
        chars[7:10] = lexicon.gazetteer.matches(codes, offsets)
        words[5] = lexicon.gazetteer.kinds_of(codes, boundaries)


def compile_templates(templates: Sequence[str]) -> tuple[I64Array, I64Array]:
    """Turn templates into the two arrays that the kernel reads.

    Returns
    -------
    atoms : ndarray of int64, shape (n_atoms, 3)
        Whether the stream is by word, its index and the offset, template after template.
    ends : ndarray of int64, shape (n_templates + 1,)
        Template ``k`` is ``atoms[ends[k]:ends[k + 1]]``.

    Raises
    ------
    ConfigurationError
        If a template is not one or more ``stream[offset]``, or names an unknown stream.
    """
    atoms: list[tuple[int, int, int]] = []
    ends = [0]
    for template in templates:
        for part in template.split():
            match = _ATOM.fullmatch(part)
            if match is None or match[1] not in CHAR_STREAMS + WORD_STREAMS:
                raise ConfigurationError(
                    f"template {template!r}: {part!r} is not stream[offset] with a stream of "
                    f"{', '.join(CHAR_STREAMS + WORD_STREAMS)}"
                )
            by_word = match[1] in WORD_STREAMS
            streams = WORD_STREAMS if by_word else CHAR_STREAMS
            atoms.append((int(by_word), streams.index(match[1]), int(match[2])))
        if len(atoms) == ends[-1]:
            raise ConfigurationError(f"template {template!r} is empty: write for example 'char[0]'")
        ends.append(len(atoms))
    return np.array(atoms, np.int64).reshape(-1, 3), np.array(ends, np.int64)


@njit(cache=True)
def template_keys(
    chars: U64Array,
    words: U64Array,
    word_of: I32Array,
    char_offsets: I64Array,
    word_offsets: I64Array,
    atoms: I64Array,
    ends: I64Array,
    first: int,
    last: int,
) -> U64Array:  # pragma: no cover - compiled
    """Fill every template at the characters from `first` to before `last`.

    Parameters
    ----------
    chars, words, word_of, char_offsets, word_offsets : ndarray
        The :class:`Streams` of the text or texts.
    atoms, ends : ndarray
        From :func:`compile_templates`.
    first, last : int
        Range of characters to fill; windows look beyond it as far as their text goes.

    Returns
    -------
    keys : ndarray of uint64, shape (last - first, n_templates)
        Beyond either edge of the text every stream reads as one value that no character or word has.
    """
    n_templates = len(ends) - 1
    beyond = np.uint64(0xFFFFFFFFFFFFFFFF)
    keys = np.empty((last - first, n_templates), np.uint64)
    # Mixed before the first value comes in: `fold` cannot tell 1 then 'a' from 3 then 'c', and such small numbers
    # would give one key to neighbours in code order at different offsets.
    seeds = np.empty(n_templates, np.uint64)
    for k in range(n_templates):
        seeds[k] = fold(np.uint64(0), np.uint64(k + 1))
    text = 0
    for i in range(first, last):
        while i >= char_offsets[text + 1]:
            text += 1
        for k in range(n_templates):
            key = seeds[k]
            for a in range(ends[k], ends[k + 1]):
                stream = atoms[a, 1]
                if atoms[a, 0] == 0:
                    j = i + atoms[a, 2]
                    key = fold(key, chars[stream, j] if char_offsets[text] <= j < char_offsets[text + 1] else beyond)
                else:
                    j = word_of[i] + atoms[a, 2]
                    key = fold(key, words[stream, j] if word_offsets[text] <= j < word_offsets[text + 1] else beyond)
            keys[i - first, k] = key
    return keys
