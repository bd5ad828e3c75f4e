"""Texts and annotations at the door: verified once, so that nothing behind it has to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Any

from tagger.errors import AnnotationError, InputError
from tagger.spans._types import LabelledRange

__all__ = ["check_texts", "checked_spans", "reading_order"]

_SHOWN = 3  # problems that one message spells out


def check_texts(texts: Sequence[str]) -> None:
    """Refuse what is not a sequence of str."""
    if isinstance(texts, str):
        raise InputError("one str came where a sequence of texts was expected: write [text]")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {i} is {type(text).__name__}, expected str")


def checked_spans(texts: Sequence[str], spans: Sequence[Sequence[LabelledRange]]) -> list[list[LabelledRange]]:
    """Return the annotations of each text in reading order, identical ones once.

    Raises
    ------
    InputError
        If texts and spans do not match.
    AnnotationError
        If a span is empty, reaches outside its text or has no proper label; the message shows the first few.
    """
    check_texts(texts)
    if len(texts) != len(spans):
        raise InputError(f"{len(texts)} texts but {len(spans)} lists of spans: give one list a text")
    problems: list[str] = []
    checked = []
    for i, (text, found) in enumerate(zip(texts, spans, strict=True)):
        if found is None or isinstance(found, str):
            raise InputError(f"spans of text {i}: {found!r} came, expected a list of (start, end, label), [] for none")
        wrong = [problem for span in found if (problem := _problem(span, len(text)))]
        problems += [f"text {i} ({text[:12]!r}…): {problem}" for problem in wrong]
        if not wrong:
            checked.append(reading_order({(index(start), index(end), label) for start, end, label in found}))
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise AnnotationError("; ".join(problems[:_SHOWN]) + more)
    return checked


def reading_order(spans: Iterable[LabelledRange]) -> list[LabelledRange]:
    """Sort by start, longer spans before those that they hold."""
    return sorted(spans, key=lambda span: (span[0], -span[1], span[2]))


def _problem(span: Any, n_chars: int) -> str | None:
    """Say what is wrong with an annotated span, if anything is."""
    try:
        start, end, label = span
        start, end = index(start), index(end)
    except (TypeError, ValueError):
        return f"span {span!r}: expected (start, end, label) with whole numbers"
    if not isinstance(label, str) or not label:
        return f"span [{start}, {end}): its label is {label!r}, expected a str that is not empty"
    if not 0 <= start < end <= n_chars:
        return f"span [{start}, {end}) {label}: empty, or outside the {n_chars} characters of its text"
    return None
