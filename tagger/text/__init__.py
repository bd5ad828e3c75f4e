"""The text layer: files to text, raw text to clean text, and for every clean range its raw range."""

from __future__ import annotations

from tagger.text._layout import Seam, seam
from tagger.text.alignment import Alignment, Edit
from tagger.text.files import DecodedText, decode, read_text
from tagger.text.normalize import Normalized, Normalizer, apply_edits, join_lines

__all__ = [
    "Alignment",
    "DecodedText",
    "Edit",
    "Normalized",
    "Normalizer",
    "Seam",
    "apply_edits",
    "decode",
    "join_lines",
    "read_text",
    "seam",
]
