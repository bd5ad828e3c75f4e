"""Where a text is cut: into segments that are labelled one at a time, and batches that fit in memory."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from tagger._typing import BoolArray, I32Array, I64Array
from tagger.spans._types import LabelledRange
from tagger.text.sentences import sentence_ends

__all__ = ["BATCH", "MAX_SEGMENT", "batches", "segment_ends", "without_a_segment"]

MAX_SEGMENT = 1000
"""Characters labelled at once, at most; a longer sentence is cut. Only an annotation that is itself longer makes a
longer segment, in training."""

BATCH = 16_384
"""Characters whose features are in memory at once: a few megabytes, whatever the texts' lengths."""

_PAUSE = re.compile(r"[，、：,:\s]")


def segment_ends(text: str, boundaries: I32Array, spans: Sequence[LabelledRange] = ()) -> list[int]:
    """Return where each segment of a text ends: its sentences, and the pieces of those that are too long.

    A long sentence is cut behind its last pause mark between half of `MAX_SEGMENT` and the whole, else at its last word
    boundary there, else as late as allowed.

    Parameters
    ----------
    text : str
    boundaries : ndarray of int32, shape (n_words + 1,)
    spans : sequence of LabelledRange
        Annotations; no cut falls into one.

    Examples
    --------
    >>> segment_ends("会议召开。代表发言！", np.array([0, 2, 4, 5, 7, 9, 10], np.int32), [(3, 7, "x")])
    [10]
    """
    ends = sentence_ends(text, max_length=max(len(text), 1))
    if not spans and _longest(ends) <= MAX_SEGMENT:
        return ends
    free = _free(len(text), spans)
    ends = [end for end in ends if free[end]]
    if _longest(ends) <= MAX_SEGMENT:
        return ends
    kinds = [np.flatnonzero(allowed & free) for allowed in (_after_pause(text), _at(boundaries, len(text)), free)]
    return [cut for start, end in pairwise([0, *ends]) for cut in _cuts(start, end, kinds)]


def without_a_segment(text: str, spans: Sequence[LabelledRange]) -> list[LabelledRange]:
    """List the spans that no segment can hold whole: a sentence ends within them, or they are too long.

    Examples
    --------
    >>> without_a_segment("会议召开。代表发言！", [(0, 2, "x"), (3, 7, "x")])
    [(3, 7, 'x')]
    """
    ends = sentence_ends(text, max_length=max(len(text), 1)) if spans else []
    return [
        (start, end, label)
        for start, end, label in spans
        if end - start > MAX_SEGMENT or bisect_left(ends, end) > bisect_right(ends, start)
    ]


def batches(ends: Sequence[int]) -> Iterator[I64Array]:
    """Group segments into runs of about `BATCH` characters; each run is its offsets, first start to last end."""
    offsets = [0]
    for start, end in pairwise([0, *ends]):
        if end - offsets[0] > BATCH and start > offsets[0]:
            yield np.array(offsets, np.int64)
            offsets = [start]
        offsets.append(end)
    yield np.array(offsets, np.int64)


def _longest(ends: Sequence[int]) -> int:
    return max((end - start for start, end in pairwise([0, *ends])), default=0)


def _free(n_chars: int, spans: Sequence[LabelledRange]) -> BoolArray:
    """Whether a cut may stand before each character, and behind the last: shape (n_chars + 1,)."""
    free = np.ones(n_chars + 1, bool)
    for start, end, _ in spans:
        free[start + 1 : end] = False
    return free


def _after_pause(text: str) -> BoolArray:
    after = np.zeros(len(text) + 1, bool)
    after[[match.end() for match in _PAUSE.finditer(text)]] = True
    return after


def _at(boundaries: I32Array, n_chars: int) -> BoolArray:
    at = np.zeros(n_chars + 1, bool)
    at[boundaries] = True
    return at


def _cuts(start: int, end: int, kinds: Sequence[I64Array]) -> Iterator[int]:
    """Yield the ends of the pieces of one sentence; `kinds` are the places for a cut, best kind first, each sorted."""
    while end - start > MAX_SEGMENT:
        start = _best_cut(start, kinds)
        yield start
    if end > start:
        yield end


def _best_cut(start: int, kinds: Sequence[I64Array]) -> int:
    limit = start + MAX_SEGMENT
    for floor in (start + MAX_SEGMENT // 2, start):
        for places in kinds:
            last = int(np.searchsorted(places, limit, side="right")) - 1
            if last >= 0 and places[last] > floor:
                return int(places[last])
    anywhere = kinds[-1]
    return int(anywhere[np.searchsorted(anywhere, limit, side="right")])  # where the annotation that fills it all ends
