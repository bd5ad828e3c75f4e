"""Why a span was predicted: what spoke for it and against it, adding up to its score."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Explanation", "Reason"]

_SHOWN = 20


class Reason(NamedTuple):
    """What one template at one character contributes.

    Attributes
    ----------
    template : str
        For example ``"char[-1] char[0]"``.
    seen : str
        What it saw there, for example ``"市委"``.
    position : int
        Offset of the character in the text.
    contribution : float
        Natural log; above 0 it speaks for the span.
    """

    template: str
    seen: str
    position: int
    contribution: float

    def __str__(self) -> str:
        return f"{self.contribution:+8.3f}  at {self.position}: {self.template} = {self.seen}"


class Explanation(NamedTuple):
    """Why a range is, or is not, a span.

    Attributes
    ----------
    start, end : int
    label, text : str
    total : float
        Score of the best reading of the sentence that has this span, minus the score of the same reading with the
        span's characters outside every span (natural log). It is the sum of `transitions` and all contributions.
    transitions : float
        What tags beside each other, and the tags that open and close the sentence, contribute.
    reasons : tuple of Reason
        From the largest contribution to the smallest, either sign; those of zero are left out.
    """

    start: int
    end: int
    label: str
    text: str
    total: float
    transitions: float
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        head = f"{self.text!r} [{self.start}, {self.end}) {self.label}: {self.total:+.3f} against outside"
        rest = self.reasons[_SHOWN:]
        lines = [head, *map(str, self.reasons[:_SHOWN]), f"{self.transitions:+8.3f}  tags side by side"]
        if rest:
            lines.append(f"{sum(reason.contribution for reason in rest):+8.3f}  {len(rest)} more reasons")
        return "\n".join(lines)
