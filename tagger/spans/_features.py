"""What the span tagger looks at: templates over characters and words, compiled once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tagger._typing import I32Array, I64Array, U64Array
from tagger.errors import ConfigurationError
from tagger.features.lexicon import Lexicon as Lexicon
from tagger.features.templates import (
    _CLASSES,
    CHAR_STREAMS,
    DEFAULT_TEMPLATES,
    LEXICON_STREAMS,
    LEXICON_TEMPLATES,
    WORD_STREAMS,
    Streams,
    compile_templates,
    template_keys,
    text_streams,
)
from tagger.spans._segments import BATCH, batches, segment_ends
from tagger.text.segmenter import Segmenter

__all__ = ["Features", "Lexicon", "keyed_batches"]

_EDGE = "‹edge›"  # what a window sees beyond the text
_PLACES = ("middle", "begin", "end", "single")
_CLASS_NAMES = {number: name for name, number in _CLASSES.items()}


class Features:
    """Attribute keys of every character of a text.

    Parameters
    ----------
    templates : sequence of str, optional
        By default ``DEFAULT_TEMPLATES``, and ``LEXICON_TEMPLATES`` where there is a lexicon.
    lexicon : Lexicon, optional
    segmenter : Segmenter, optional

    Raises
    ------
    ConfigurationError
        If a template cannot be read, or asks for a part of the lexicon that is not there.
    """

    def __init__(self, templates: Sequence[str] | None, lexicon: Lexicon | None, segmenter: Segmenter | None) -> None:
        parts = [part for part in LEXICON_TEMPLATES if getattr(lexicon, part, None) is not None]
        default = (*DEFAULT_TEMPLATES, *(template for part in parts for template in LEXICON_TEMPLATES[part]))
        self.templates = tuple(templates) if templates is not None else default
        self.lexicon = lexicon
        self.segmenter = segmenter if segmenter is not None else Segmenter()
        self._atoms, self._ends = compile_templates(self.templates)
        for part in LEXICON_STREAMS.keys() - parts:
            for template in self.templates:
                if {atom.partition("[")[0] for atom in template.split()} & set(LEXICON_STREAMS[part]):
                    raise ConfigurationError(
                        f"template {template!r} asks for the {part} of a lexicon: give the tagger a lexicon with {part}"
                    )

    def boundaries(self, text: str) -> I32Array:
        """Return the word boundaries of a text: shape (n_words + 1,)."""
        return self.segmenter.boundaries(text)

    def streams(self, texts: Sequence[str], boundaries: Sequence[I32Array]) -> Streams:
        """Return what the templates are filled from, for all texts behind each other; one is not empty."""
        if len(texts) == 1:
            return text_streams(texts[0], boundaries[0], self.lexicon)
        offsets = np.unique(np.cumsum([0, *map(len, texts)]))  # empty texts have no place in it
        starts = np.cumsum([0, *map(len, texts)])
        words = [own[:-1] + start for own, start in zip(boundaries, starts.tolist(), strict=False)]
        joined = np.append(np.concatenate(words), starts[-1]).astype(np.int32)
        return text_streams("".join(texts), joined, self.lexicon, offsets=offsets)

    def keys(self, streams: Streams, first: int, last: int) -> U64Array:
        """Return the attribute keys of characters `first` to before `last`: shape (last - first, n_templates)."""
        keys: U64Array = template_keys(*streams, self._atoms, self._ends, first, last)
        return keys

    def seen(self, text: str, boundaries: I32Array, streams: Streams, template: int, i: int) -> str:
        """Say in words what a template sees at character `i`; characters and words side by side are put together."""
        parts = []
        template_atoms = self._atoms[self._ends[template] : self._ends[template + 1]]
        for by_word, stream, offset in template_atoms.tolist():
            names, values = (WORD_STREAMS, streams.words) if by_word else (CHAR_STREAMS, streams.chars)
            j = (int(streams.word_of[i]) if by_word else i) + offset
            inside = 0 <= j < values.shape[1]
            parts.append(_readable(names[stream], j, int(values[stream, j]), text, boundaries) if inside else _EDGE)
        only_chars = all(not by_word and CHAR_STREAMS[stream] == "char" for by_word, stream, _ in template_atoms)
        return ("" if only_chars else " ").join(parts)


def keyed_batches(
    texts: Sequence[str], features: Features, boundaries: Sequence[I32Array] | None = None
) -> Iterator[tuple[I64Array, U64Array]]:
    """Yield the offsets of the segments of texts and the keys of their characters, a batch at a time.

    Parameters
    ----------
    texts : sequence of str
        Offsets count as if they stood behind each other; none sees the others.
    features : Features
    boundaries : sequence of ndarray of int32, shape (n_words + 1,), optional
        Word boundaries of each text, where they are known already.
    """
    if not any(texts):
        return
    if boundaries is None:
        boundaries = [features.boundaries(text) for text in texts]
    offsets = np.cumsum([0, *map(len, texts)])
    ends = [
        end + start
        for text, own, start in zip(texts, boundaries, offsets.tolist(), strict=False)
        for end in segment_ends(text, own)
    ]
    streams = features.streams(texts, boundaries)
    for segments in batches(ends):
        yield segments, features.keys(streams, int(segments[0]), int(segments[-1]))


def groups(texts: Sequence[str]) -> Iterator[slice]:
    """Cut a sequence of texts into runs of about `BATCH` characters, so that short texts share what a call costs."""
    start = n_chars = 0
    for i, text in enumerate(texts):
        if n_chars + len(text) > BATCH and i > start:
            yield slice(start, i)
            start, n_chars = i, 0
        n_chars += len(text)
    yield slice(start, len(texts))


def _readable(stream: str, j: int, value: int, text: str, boundaries: I32Array) -> str:
    if stream == "char":
        return _shown(text[j])
    if stream == "word":
        return _shown(text[boundaries[j] : boundaries[j + 1]])
    if stream == "class":
        return _CLASS_NAMES[value]
    if stream == "place":
        return _PLACES[value]
    return str(value)


def _shown(text: str) -> str:
    """Return text as it is where that can be read, else escaped: no control character, no lone surrogate."""
    return text if text.isprintable() and not text.isspace() else repr(text)[1:-1] if text.strip() else repr(text)
