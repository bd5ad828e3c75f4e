"""Where the command line writes: results to a file that appears whole, notes and progress to stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from tagger.errors import InputError

__all__ = ["Progress", "note", "one_line", "write_file", "write_stdout"]

T = TypeVar("T")

_CLEAR = "\r\x1b[K"  # back to the start of the line, and erase it


def one_line(text: str) -> str:
    r"""Make `text` one line that a terminal only shows: file names and bad input may hold line feeds and escapes.

    Examples
    --------
    >>> print(one_line("报纸\x1b[2J.txt"))
    报纸\x1b[2J.txt
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def note(text: str) -> None:
    """Tell the user one thing on stderr."""
    sys.stderr.write(f"tagger: {one_line(text)}\n")


def write_stdout(chunks: Iterable[str], *, encoding: str = "utf-8", errors: str = "backslashreplace") -> None:
    r"""Write `chunks` to stdout as bytes; what was written stays if one of them raises.

    JSON and HTML are UTF-8 wherever they go, whatever the terminal's encoding is. A lone surrogate (a JSON row may
    hold one) becomes ``\ud800`` by `errors`, which inside JSON is exactly its escape.
    """
    sys.stdout.flush()
    try:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk.encode(encoding, errors))
    finally:
        sys.stdout.buffer.flush()


def write_file(chunks: Iterable[str], path: Path, *, keep: bool = False, errors: str = "backslashreplace") -> None:
    """Write `chunks` to a sibling ``<name>.part`` and rename it to `path` once it is complete.

    Parameters
    ----------
    chunks : iterable of str
        Written as UTF-8, one after the other.
    path : Path
        A link is followed. What is not a regular file (``/dev/null``, a pipe) is written in place.
    keep : bool, default=False
        Whether to keep the ``.part`` file of what was written before an error, as for rows that stand by themselves.
    errors : str, default="backslashreplace"
        For characters that UTF-8 cannot hold, as in `str.encode`.

    Raises
    ------
    InputError
        If the folder of `path` does not exist or `path` is a folder.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise InputError(f"{path} is a folder: --output needs the name of a file")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            _write(chunks, file, errors)
        return
    with _replacing(path, keep) as file:
        _write(chunks, file, errors)


def _write(chunks: Iterable[str], file: IO[bytes], errors: str) -> None:
    for chunk in chunks:
        file.write(chunk.encode("utf-8", errors))


@contextmanager
def _replacing(path: Path, keep: bool) -> Iterator[IO[bytes]]:
    part = path.with_name(f"{path.name}.part")
    file = part.open("wb")
    done = False
    try:
        yield file
        done = True
    finally:
        file.close()
        if done:
            part.replace(path)
        elif keep and part.stat().st_size:
            note(f"{path} is not complete: what was written until then is in {part}")
        else:
            part.unlink()


class Progress:
    """Counts on stderr: one line that moves on a terminal, a line of log now and then elsewhere.

    Parameters
    ----------
    what : str
        What is counted, in the plural.
    total : int, optional
        How many there will be, if that is known.
    """

    def __init__(self, what: str, *, total: int | None = None) -> None:
        self.what = what
        self.total = total
        self.live = sys.stderr.isatty()
        self.period = 0.2 if self.live else 30.0  # seconds

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yield `items` and count them; what is done within the first second is not spoken of."""
        start = time.monotonic()
        due = start + max(1.0, self.period)
        try:
            for n, item in enumerate(items, start=1):
                yield item
                now = time.monotonic()
                if now >= due:
                    self._say(n, now - start)
                    due = now + self.period
        finally:
            self._clear()

    def _say(self, n: int, seconds: float) -> None:
        of = f" of {self.total:,}" if self.total is not None else ""
        text = f"tagger: {n:,}{of} {self.what}, {n / seconds:,.0f} a second"
        sys.stderr.write(f"{_CLEAR}{text}" if self.live else f"{text}\n")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self.live:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
