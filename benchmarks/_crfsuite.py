"""python-crfsuite as a peer: the attributes that its users would write, BIOES tags, L-BFGS."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.span_sets import Example, outermost
from tagger._typing import I32Array
from tagger.crf.scheme import spans_to_tags
from tagger.features.templates import CHAR_STREAMS, DEFAULT_TEMPLATES, char_classes, codepoints, text_streams
from tagger.spans import LabelledRange
from tagger.text.segmenter import Segmenter
from tagger.text.sentences import sentence_ends

__all__ = ["CrfSuite", "same_templates", "tags_to_ranges", "usual_templates"]

Rows = list[tuple[str, ...]]
"""The attribute strings of each character of a text."""


class CrfSuite:
    """A python-crfsuite model with a function from text to attributes.

    Parameters
    ----------
    attributes : callable
        Gives the attribute strings of each character of a text.
    c1, c2 : float
        Weights of the L1 and L2 penalties.
    max_iterations : int, optional
        Of L-BFGS; by default until it converges.
    """

    def __init__(
        self, attributes: Callable[[str], Rows], *, c1: float, c2: float, max_iterations: int | None = None
    ) -> None:
        self.attributes = attributes
        self.parameters: dict[str, Any] = {"c1": c1, "c2": c2}
        if max_iterations is not None:
            self.parameters["max_iterations"] = max_iterations
        self._facts: dict[str, float] = {}

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn from annotated texts, cut into the same sentences as ours."""
        import pycrfsuite

        trainer = pycrfsuite.Trainer(algorithm="lbfgs", params=self.parameters, verbose=False)
        for text, spans in examples:
            if text:
                flat = outermost(spans)
                tags, rows = spans_to_tags(flat, len(text)), self.attributes(text)
                cuts = sentence_ends(text, protected=((start, end) for start, end, _ in flat))
                for first, last in pairwise([0, *cuts]):
                    trainer.append(rows[first:last], tags[first:last])
        self._tagger = pycrfsuite.Tagger()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.crfsuite"
            start = time.process_time()
            trainer.train(str(path))
            self._facts["optimize_seconds"] = time.process_time() - start
            self._facts |= {"model_bytes": path.stat().st_size, "features": _n_attributes(path)}
            self._tagger.open(str(path))  # reads all of it
        self._facts["iterations"] = len(trainer.logparser.iterations)

    def adjust(self, examples: Sequence[Example]) -> dict[str, Any]:
        """Return nothing: there is nothing to adjust."""
        return {}

    def tag(self, texts: Sequence[str]) -> list[list[LabelledRange]]:
        """Build the attributes of each text, tag it and read the spans off the tags."""
        return [self._ranges(text) for text in texts]

    def ranges(self, tagged: list[list[Any]]) -> list[list[LabelledRange]]:
        """Return them as they are."""
        return tagged

    def facts(self) -> dict[str, float]:
        """Size of the model file, number of attributes, iterations, seconds of training without attribute building."""
        return dict(self._facts)

    def _ranges(self, text: str) -> list[LabelledRange]:
        if not text:
            return []
        rows = self.attributes(text)
        found: list[LabelledRange] = []
        for first, last in pairwise([0, *sentence_ends(text)]):
            tags = self._tagger.tag(rows[first:last])
            found += [(start + first, end + first, label) for start, end, label in tags_to_ranges(tags)]
        return found


def tags_to_ranges(tags: Sequence[str]) -> Iterator[LabelledRange]:
    """Read spans off BIOES tags that may be illegal, in the peer's favour: what begins without a B is a span as well.

    Examples
    --------
    >>> list(tags_to_ranges(["I-ORG", "E-ORG", "O", "B-ORG", "S-PLACE"]))
    [(0, 2, 'ORG'), (3, 4, 'ORG'), (4, 5, 'PLACE')]
    """
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if label and (prefix in "BSO" or name != label):
            yield start, i, label
            label = ""
        if not label and prefix != "O":
            start, label = i, name
        if label and prefix in "ES":
            yield start, i + 1, label
            label = ""


def same_templates(templates: Sequence[str] = DEFAULT_TEMPLATES) -> Callable[[str], Rows]:
    """Return a function that fills our window templates as strings, a column at a time (the fastest way in Python)."""
    parsed = [[_atom(part) for part in template.split()] for template in templates]
    segmenter = Segmenter()

    def attributes(text: str) -> Rows:
        streams = _streams(text, segmenter.boundaries(text))
        columns = []
        for k, atoms in enumerate(parsed):
            parts = [streams(stream, offset) for stream, offset in atoms]
            if len(parts) == 1:
                columns.append([f"{k}={a}" for a in parts[0]])
            else:
                columns.append([f"{k}={'|'.join(values)}" for values in zip(*parts, strict=True)])
        return list(zip(*columns, strict=True))

    return attributes


def usual_templates() -> Callable[[str], Rows]:
    """Return a function with the attributes of its tutorials: characters and pairs of them up to 2 away, their type."""

    def attributes(text: str) -> Rows:
        padded = ["<s>", "<s>", *text, "</s>", "</s>"]
        kinds = [_kind(char) for char in padded]
        rows: Rows = []
        for i in range(2, len(padded) - 2):
            before2, before, this, after, after2 = padded[i - 2 : i + 3]
            rows.append(
                (
                    "bias",
                    f"c-2={before2}",
                    f"c-1={before}",
                    f"c0={this}",
                    f"c1={after}",
                    f"c2={after2}",
                    f"c-2c-1={before2}{before}",
                    f"c-1c0={before}{this}",
                    f"c0c1={this}{after}",
                    f"c1c2={after}{after2}",
                    f"t-1={kinds[i - 1]}",
                    f"t0={kinds[i]}",
                    f"t1={kinds[i + 1]}",
                )
            )
        return rows

    return attributes


def _n_attributes(model: Path) -> int:
    """Read the number of attributes off a model's header: `Tagger.info` fails where one holds a line end."""
    with model.open("rb") as file:
        header = file.read(28)
    return int.from_bytes(header[24:28], "little")


def _atom(part: str) -> tuple[str, int]:
    stream, _, offset = part.rstrip("]").partition("[")
    return stream, int(offset)


def _streams(text: str, boundaries: I32Array) -> Callable[[str, int], list[str]]:
    """Return a function that gives a stream at an offset, one value a character.

    Streams that no Python user would think of are taken from our own compiled ones, in the peer's favour.
    """
    words = [text[start:end] for start, end in pairwise(boundaries.tolist())]
    by_word = {"word": words, "length": [str(min(6, len(word))) for word in words]}
    places = [place for word in words for place in _places(len(word))]
    by_char = {"char": list(text), "class": list(map(str, char_classes(codepoints(text)).tolist())), "place": places}
    word_of = [i for i, word in enumerate(words) for _ in word]

    def stream(name: str, offset: int) -> list[str]:
        if name in CHAR_STREAMS:
            if name not in by_char:
                own = text_streams(text, boundaries).chars[CHAR_STREAMS.index(name)]
                by_char[name] = list(map(str, own.tolist()))
            return _shifted(by_char[name], offset)
        values = _shifted(by_word[name], offset)
        return [values[i] for i in word_of]

    return stream


def _places(length: int) -> list[str]:
    return ["S"] if length == 1 else ["B", *"M" * (length - 2), "E"]


def _shifted(values: list[str], offset: int) -> list[str]:
    n = len(values)
    edge = ["<edge>"] * min(abs(offset), n)
    return (values[offset:] + edge if offset >= 0 else edge + values[:offset])[:n]


def _kind(char: str) -> str:
    if len(char) > 1:
        return "edge"
    if char.isdigit():
        return "digit"
    if char.isascii() and char.isalpha():
        return "latin"
    return "letter" if char.isalpha() else "other"
