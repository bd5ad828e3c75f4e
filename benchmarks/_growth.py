"""How time and memory of tagging grow with the text, on endless invented articles."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from benchmarks._systems import build
from benchmarks.span_sets import Example

__all__ = ["SERIES", "articles", "measure_growth"]

SERIES = ("articles", "one text")
"""Many articles, tagged in batches out of an iterator; and a single text of all the characters."""

_BATCH = 256  # articles
_CHANGED = 0.02  # share of characters exchanged at random: no two copies of a sentence are quite the same


def articles(examples: list[Example], *, seed: int = 0) -> Iterator[str]:
    """Yield articles without end: sentences of the examples in random order, some characters exchanged.

    Examples
    --------
    >>> [len(text) for text in islice(articles([("砚川市召开大会。", ())]), 2)]
    [160, 160]
    """
    rng = random.Random(seed)
    sentences = [part + "。" for text, _ in examples for part in text.split("。") if part]
    letters = "".join(sentences)
    while True:
        chars = list("".join(rng.choices(sentences, k=20)))
        for _ in range(int(len(chars) * _CHANGED)):
            chars[rng.randrange(len(chars))] = rng.choice(letters)
        yield "".join(chars)


def measure_growth(
    job: Mapping[str, Any], peak_memory: Callable[[], float], reset_peak: Callable[[], None]
) -> dict[str, float]:
    """Tag about ``job["characters"]`` characters; the making of the texts is not timed.

    Returns
    -------
    result : dict
        ``characters``, ``seconds`` (of the processor), ``spans``, and ``peak_mb`` above ``base_mb``, what the process
        held when it began; the texts of a batch, or the one text, are part of the peak.
    """
    examples = [(text, spans) for text, spans in job["examples"]]
    competitor = build("tagger", job["parameters"], seed=0)
    competitor.fit([(text, tuple((a, b, label) for a, b, label in spans)) for text, spans in examples])
    source = articles(examples)
    competitor.tag(list(islice(source, 8)))
    batches = _batches(source, job["characters"], job["series"])
    reset_peak()
    base = peak_memory()
    seconds, characters, spans = 0.0, 0, 0
    for batch in batches:
        start = time.process_time()
        found = competitor.tag(batch)
        seconds += time.process_time() - start
        characters += sum(map(len, batch))
        spans += sum(map(len, found))
    return {
        "characters": characters,
        "seconds": seconds,
        "spans": spans,
        "peak_mb": peak_memory(),
        "base_mb": base,
    }


def _batches(source: Iterator[str], characters: int, series: str) -> Iterator[list[str]]:
    """Yield texts that come to `characters` in all: batch after batch, or all as one text."""
    texts = _until(source, characters)
    if series == "one text":
        yield ["".join(texts)]
        return
    while batch := list(islice(texts, _BATCH)):
        yield batch


def _until(source: Iterator[str], characters: int) -> Iterator[str]:
    while characters > 0:
        text = next(source)[:characters]
        characters -= len(text)
        yield text
