"""Bytes of a file to text, the encoding found by evidence and said."""

from __future__ import annotations

import codecs
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tagger.errors import InputError

__all__ = ["DecodedText", "decode", "read_text"]

# The longer marks first: that of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
)

_KNOWN_FORMATS = (
    (b"%PDF", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive (a .docx file is one)"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"{\\rtf", "an RTF file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x1f\x8b", "a gzip archive"),
)

# Share of the characters beyond ASCII that must be everyday Chinese ones for bytes to count as GB18030.
_MIN_EVERYDAY = 0.7


@dataclass(frozen=True, slots=True)
class DecodedText:
    """Text of a file and how its bytes were read.

    Attributes
    ----------
    text : str
        All of it, line ends as they are; a byte-order mark is no part of it.
    encoding : str
        ``"utf-8"``, ``"utf-8-sig"``, ``"gb18030"``, or UTF-16 or UTF-32 by their mark.
    evidence : str
        Why this encoding, in one line.
    """

    text: str
    encoding: str
    evidence: str


def read_text(path: str | Path) -> DecodedText:
    """Read a text file whose encoding is not known.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, is binary, or holds bytes that no encoding explains; the
        message is one line and gives the path and the position of the first wrong byte.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = Path(folder, "page.txt")
    ...     _ = page.write_bytes("砚川日报，新闻热线".encode("gb18030"))
    ...     read_text(page).encoding
    'gb18030'
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; give the path of a text file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read ({reason})") from None
    return decode(data, name=str(path))


def decode(data: bytes, *, name: str) -> DecodedText:
    """Decode bytes as UTF-8 or, where these are none, as GB18030 if the outcome reads like Chinese.

    Parameters
    ----------
    data : bytes
        Content of a text file.
    name : str
        What error messages call it.

    Raises
    ------
    InputError
        If the bytes are no text or are damaged; nothing is ever dropped or replaced.

    Examples
    --------
    >>> decode("砚川".encode("utf-8-sig"), name="page.txt")
    DecodedText(text='砚川', encoding='utf-8-sig', evidence='begins with the byte-order mark of utf-8')
    """
    for mark, encoding, codec in _MARKS:
        if data.startswith(mark):
            return _decode_marked(data, len(mark), encoding, codec, name)
    _refuse_binary(data, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _decode_chinese(data, error.start, name)
    return DecodedText(text, "utf-8", "only ASCII bytes" if len(text) == len(data) else "all bytes are valid UTF-8")


def _decode_marked(data: bytes, skip: int, encoding: str, codec: str, name: str) -> DecodedText:
    evidence = f"begins with the byte-order mark of {codec}"
    try:
        text = data[skip:].decode(codec)
    except UnicodeDecodeError as error:
        raise _damaged(data, skip + error.start, name, f"{evidence}, but is damaged") from None
    if "\0" in text:
        raise InputError(f"{name}: {evidence}, but holds NUL characters: this is no text file")
    return DecodedText(text, encoding, evidence)


def _refuse_binary(data: bytes, name: str) -> None:
    for magic, kind in _KNOWN_FORMATS:
        if data.startswith(magic):
            raise InputError(f"{name}: a binary file, {kind}; extract its text first")
    nul = data.find(0)
    if nul >= 0:
        raise InputError(
            f"{name}: a binary file (NUL byte at {nul}); expected text in UTF-8 or GB18030, or UTF-16 with a "
            f"byte-order mark"
        )


def _decode_chinese(data: bytes, bad: int, name: str) -> DecodedText:
    """Decode what is no valid UTF-8 (first wrong byte: `bad`) as GB18030, or say why not."""
    as_utf8 = _everyday_share(data.decode("utf-8", "replace"))
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        if as_utf8 >= _MIN_EVERYDAY / 2:
            raise _damaged(data, bad, name, "UTF-8, but damaged") from None
        raise _damaged(data, error.start, name, f"neither UTF-8 (wrong from byte {bad}) nor GB18030") from None
    share = _everyday_share(text)
    if as_utf8 and as_utf8 >= share:
        raise _damaged(data, bad, name, "UTF-8, but damaged")
    if share < _MIN_EVERYDAY:
        reason = f"not UTF-8, and as GB18030 only {share:.0%} of the characters would be everyday ones"
        raise _damaged(data, bad, name, reason)
    return DecodedText(
        text, "gb18030", f"not UTF-8 (byte {bad}); as GB18030 {share:.0%} of the characters are everyday Chinese ones"
    )


def _damaged(data: bytes, position: int, name: str, what: str) -> InputError:
    line = data.count(b"\n", 0, position) + 1
    return InputError(
        f"{name}: {what}: cannot decode byte 0x{data[position]:02x} at position {position} (line {line}); "
        f"repair the file or convert it to UTF-8"
    )


def _everyday_share(text: str) -> float:
    """Return which share of the characters beyond ASCII a Chinese newspaper prints every day, in [0, 1]."""
    counts = {char: n for char, n in Counter(text).items() if char > "\x7f"}
    everyday = _everyday()
    return sum(n for char, n in counts.items() if char in everyday) / max(sum(counts.values()), 1)


@cache
def _everyday() -> frozenset[str]:
    """Return the marks and level 1 of GB2312 (3,755 characters) and of Big5 (5,401), which a standard calls common."""
    levels = (("gb2312", (*range(0xA1, 0xAA), *range(0xB0, 0xD8))), ("big5", range(0xA1, 0xC7)))
    return frozenset(
        char
        for codec, leads in levels
        for char in bytes(byte for lead in leads for trail in range(0x40, 0xFF) for byte in (lead, trail)).decode(
            codec, "ignore"
        )
        if char > "\x7f"
    )
