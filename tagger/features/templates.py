"""Window templates: what the span tagger looks at around each character, as data.

A *stream* is one value a character (its code point, its class, the word it stands in). A *template* names one or
more streams at offsets, such as ``char[-1] char[0]``; filled in at a character it gives one feature key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import njit

from tagger._typing import I32Array, I64Array, U8Array, U64Array
from tagger.errors import ConfigurationError
from tagger.features._keys import fold, word_keys

__all__ = ["DEFAULT_TEMPLATES", "STREAMS", "codepoints", "compile_templates", "template_keys", "text_streams"]

STREAMS = ("char", "class", "word", "place", "length", "previous", "next")
"""What a template can name: the code point; its class; the key of the word the character stands in; its place in
that word (begin, middle, end, single); the length of that word; the keys of the words before and after."""

DEFAULT_TEMPLATES: tuple[str, ...] = (
    *(f"char[{i}]" for i in range(-2, 3)),
    *(f"char[{i}] char[{i + 1}]" for i in range(-2, 2)),
    "char[-1] char[1]",
    "class[0]",
    "class[-1] class[0]",
    "class[0] class[1]",
    "class[-1] class[0] class[1]",
    "word[0] place[0]",
    "previous[0] place[0]",
    "next[0] place[0]",
    "place[0] length[0]",
)
"""Chosen on training articles. Longer character n-grams and pairs of words were tried and left out: they learn the
training text by heart, which costs more recall than they bring precision."""

_ATOM = re.compile(r"(\w+)\[([+-]?\d+)\]")
_WORD_SEED = 0x776F7264  # "word"

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
    if category == "Lo":
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


def text_streams(text: str, boundaries: I32Array) -> U64Array:
    """Fill every stream for a text.

    Parameters
    ----------
    text : str
        ``n_chars`` characters.
    boundaries : ndarray of int32, shape (n_words + 1,)
        Word boundaries from 0 to ``n_chars``.

    Returns
    -------
    streams : ndarray of uint64, shape (len(STREAMS), n_chars)
    """
    codes = codepoints(text)
    table = _class_table()
    classes = np.where(codes < 0x10000, table[np.minimum(codes, 0xFFFF)], _CLASSES["han"])
    return _fill_streams(codes, classes.astype(np.uint64), boundaries, word_keys(codes, boundaries, _WORD_SEED))


@njit(cache=True)
def _fill_streams(
    codes: U64Array, classes: U64Array, boundaries: I32Array, keys: U64Array
) -> U64Array:  # pragma: no cover - compiled
    streams = np.empty((7, len(codes)), np.uint64)
    streams[0] = codes
    streams[1] = classes
    n_words = len(keys)
    for w in range(n_words):
        start, end = boundaries[w], boundaries[w + 1]
        for i in range(start, end):
            streams[2, i] = keys[w]
            if end - start == 1:
                place = 3
            elif i == start:
                place = 0
            elif i == end - 1:
                place = 2
            else:
                place = 1
            streams[3, i] = place
            streams[4, i] = min(end - start, 6)
            streams[5, i] = keys[w - 1] if w > 0 else 0
            streams[6, i] = keys[w + 1] if w + 1 < n_words else 0
    return streams


def compile_templates(templates: Sequence[str]) -> tuple[I64Array, I64Array]:
    """Turn templates into the two arrays that the kernel reads.

    Returns
    -------
    atoms : ndarray of int64, shape (n_atoms, 2)
        Stream index and offset of each atom, template after template.
    ends : ndarray of int64, shape (n_templates + 1,)
        Template ``k`` is ``atoms[ends[k]:ends[k + 1]]``.

    Raises
    ------
    ConfigurationError
        If a template is not one or more ``stream[offset]``, or names an unknown stream.
    """
    atoms: list[tuple[int, int]] = []
    ends = [0]
    for template in templates:
        for part in template.split():
            match = _ATOM.fullmatch(part)
            if match is None or match[1] not in STREAMS:
                raise ConfigurationError(
                    f"template {template!r}: {part!r} is not stream[offset] with a stream of {', '.join(STREAMS)}"
                )
            atoms.append((STREAMS.index(match[1]), int(match[2])))
        if len(atoms) == ends[-1]:
            raise ConfigurationError(f"template {template!r} is empty: write for example 'char[0]'")
        ends.append(len(atoms))
    return np.array(atoms, np.int64).reshape(-1, 2), np.array(ends, np.int64)


@njit(cache=True)
def template_keys(
    streams: U64Array, atoms: I64Array, ends: I64Array, first: int, last: int
) -> U64Array:  # pragma: no cover - compiled
    """Fill every template at the characters from `first` to before `last`.

    Parameters
    ----------
    streams : ndarray of uint64, shape (n_streams, n_chars)
    atoms, ends : ndarray
        From :func:`compile_templates`.
    first, last : int
        Range of characters to fill; windows look beyond it as far as the text goes.

    Returns
    -------
    keys : ndarray of uint64, shape (last - first, n_templates)
        Beyond either edge of the text every stream reads as one value that no character has.
    """
    n_chars = streams.shape[1]
    n_templates = len(ends) - 1
    beyond = np.uint64(0xFFFFFFFFFFFFFFFF)
    keys = np.empty((last - first, n_templates), np.uint64)
    for i in range(first, last):
        for k in range(n_templates):
            key = np.uint64(k + 1)
            for a in range(ends[k], ends[k + 1]):
                j = i + atoms[a, 1]
                key = fold(key, streams[atoms[a, 0], j] if 0 <= j < n_chars else beyond)
            keys[i - first, k] = key
    return keys
