"""Where sentences end: the pieces that the span tagger labels one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tagger.errors import ConfigurationError

__all__ = ["sentence_ends"]

# A sentence runs to its closing marks, with the quotes and brackets that close behind them, or to the end of its line.
_SENTENCE = re.compile(r"[^。！？；\n]*(?:[。！？；]+[”’」』）)》]*\n*|\n+|$)")
_PAUSE = re.compile(r"[，、：,:\s]")


def sentence_ends(text: str, *, max_length: int = 1000, protected: Iterable[tuple[int, int]] = ()) -> list[int]:
    """Cut a text into sentences and return where each ends; the last end is ``len(text)``.

    Parameters
    ----------
    text : str
    max_length : int
        A longer sentence is cut behind its last pause mark within this length, or hard at it, so that time and memory
        stay bounded on input that has no sentences.
    protected : iterable of (int, int)
        Ranges that no cut may fall into (annotated spans, in training).

    Raises
    ------
    ConfigurationError
        If `max_length` is below 1.

    Examples
    --------
    >>> sentence_ends("会议召开。代表发言！”散会")
    [5, 11, 13]
    """
    if max_length < 1:
        raise ConfigurationError(f"max_length={max_length!r}: expected at least 1 character")
    ends: list[int] = []
    start = 0
    for match in _SENTENCE.finditer(text):
        end = match.end()
        if end == match.start():
            continue
        while end - start > max_length:
            start = _last_pause(text, start, start + max_length)
            ends.append(start)
        ends.append(end)
        start = end
    inside = {cut for first, last in protected for cut in range(first + 1, last)}
    return [cut for cut in ends if cut not in inside] if inside else ends


def _last_pause(text: str, start: int, limit: int) -> int:
    for cut in range(limit, start + (limit - start) // 2, -1):
        if _PAUSE.match(text[cut - 1]):
            return cut
    return limit
