"""Annotated articles, whatever they were stored as."""

from __future__ import annotations

import gzip
import json
import logging
import lzma
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tagger.errors import AnnotationError, InputError

__all__ = [
    "Document",
    "data_folder",
    "field",
    "parse_marked",
    "read_marked",
    "read_rows",
    "read_standoff",
    "read_table",
]

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
_SPAN_FIELDS = (("start", int), ("end", int), ("label", str))
_MARK = re.compile(r"⟦([^|⟦⟧]+)\|([^⟦⟧]+)⟧")


@dataclass(frozen=True, slots=True)
class Document:
    """One annotated article.

    Attributes
    ----------
    id : str
    text : str
        Title, a line end, and the body; the body alone where there is no title.
    topics : tuple of str or None
        Primary topic first, ``()`` for none of them; None where topics were not annotated.
    spans : tuple of (int, int, str) or None
        Start, end (characters of `text`) and label; None where spans were not annotated.
    is_open : bool
        Whether the annotator marked the topics as open to doubt.
    """

    id: str
    text: str
    topics: tuple[str, ...] | None = None
    spans: tuple[tuple[int, int, str], ...] | None = None
    is_open: bool = False


def data_folder() -> Path | None:
    """Return the folder of real documents (``TAGGER_DATA``, or ``../shared`` beside a checkout), or None."""
    default = Path(__file__).resolve().parent.parent.parent / "shared"
    folder = Path(os.environ.get("TAGGER_DATA", default))
    return folder if folder.is_dir() else None


def parse_marked(marked: str) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """Split a text with inline marks into the bare text and its spans.

    Examples
    --------
    >>> parse_marked("⟦PLACE|鹿泷县⟧今日召开⟦EVENT|春耕大会⟧。")
    ('鹿泷县今日召开春耕大会。', ((0, 3, 'PLACE'), (7, 11, 'EVENT')))
    """
    pieces: list[str] = []
    spans: list[tuple[int, int, str]] = []
    position = length = 0
    for match in _MARK.finditer(marked):
        pieces += [marked[position : match.start()], match[2]]
        length += match.start() - position
        spans.append((length, length + len(match[2]), match[1]))
        length += len(match[2])
        position = match.end()
    return "".join([*pieces, marked[position:]]), tuple(spans)


def read_marked(paths: Iterable[Path]) -> list[Document]:
    """Read JSON lines of ``{"id", "topics", "marked"}``, the spans marked inline as ``⟦LABEL|surface⟧``."""
    documents = []
    for path in paths:
        for where, row in read_rows(path):
            text, spans = parse_marked(field(row, "marked", str, where))
            if "⟦" in text or "⟧" in text:
                raise AnnotationError(f"{where}: a mark is not closed or stands in another; expected ⟦LABEL|surface⟧")
            topics = _topics(field(row, "topics", list, where), "topics", where)
            documents.append(Document(field(row, "id", str, where), text, topics, spans))
    return documents


def read_standoff(annotations: Iterable[Path], texts: Path) -> list[Document]:
    """Join annotations that stand off from their texts with the texts, and verify every text's hash.

    Parameters
    ----------
    annotations : iterable of Path
        JSON lines of ``{"id", "sha256", "topics", "spans"?, "open"?}``.
    texts : Path
        JSON lines of ``{"id", "text"}``, plain or gzip.

    Raises
    ------
    InputError
        If a text is missing, or is not the one that was annotated.
    """
    by_id = {field(row, "id", str, where): field(row, "text", str, where) for where, row in read_rows(texts)}
    documents = []
    for path in annotations:
        for where, row in read_rows(path):
            name = field(row, "id", str, where)
            if name not in by_id:
                raise InputError(f"{where}: no text with id {name!r} in {texts}; rebuild the texts")
            text = by_id[name]
            if sha256(text.encode("utf-8")).hexdigest() != row.get("sha256"):
                raise InputError(f"{where}: the text of {name!r} in {texts} is not the one that was annotated (sha256)")
            spans = _spans(field(row, "spans", list, where), "spans", text, where) if "spans" in row else None
            topics = _topics(field(row, "topics", list, where), "topics", where)
            documents.append(Document(name, text, topics, spans, bool(row.get("open", False))))
    return documents


def read_table(source: str, *, text: str = "text", topics: str = "topics", spans: str = "spans") -> list[Document]:
    """Read annotated articles through ``datasets``: a local JSON lines, CSV or Parquet file, or a hub name.

    Parameters
    ----------
    source : str
        Path or hub name; its ``train`` split is read.
    text, topics, spans : str
        Columns. Topics are a list of str, or one str; spans a list of ``{"start", "end", "label"}``. A column that is
        not there, or an empty cell, was not annotated.

    Raises
    ------
    InputError
        If the table cannot be read, lacks the text, or a row is not as above; rows are counted from 1.
    AnnotationError
        If spans overlap or leave their text.
    """
    table = _load_table(source)
    if text not in table.column_names:
        raise InputError(f"{source}: no column {text!r}; it has {', '.join(table.column_names)}")
    return [_table_document(f"{source}, row {i}", i, row, text, topics, spans) for i, row in enumerate(table, 1)]


def _load_table(source: str) -> Any:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    kind = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}.get(Path(source).suffix.lower())
    if kind and not Path(source).is_file():
        raise InputError(f"{source}: no such file")
    if kind and not Path(source).stat().st_size:
        raise InputError(f"{source}: the file is empty")
    try:
        with _quiet():
            if kind:
                return load_dataset(kind, data_files=source, split="train")
            return load_dataset(source, split="train")
    except (DatasetsError, OSError, ValueError) as error:
        reason = str(error.__cause__ or error).partition("\n")[0]
        raise InputError(f"{source}: cannot be read as {kind or 'a data set of the hub'}: {reason}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep `datasets` from drawing bars where stderr is no terminal, and from logging an error that is raised too."""
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    log = logging.getLogger("datasets")
    level, hidden = log.level, are_progress_bars_disabled()
    log.setLevel(logging.CRITICAL)
    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield
    finally:
        log.setLevel(level)
        if not hidden:
            enable_progress_bars()


def _table_document(where: str, i: int, row: dict[str, Any], text: str, topics: str, spans: str) -> Document:
    content = field(row, text, str, where)
    found, ranges = row.get(topics), row.get(spans)
    name = row.get("id")
    return Document(
        str(i if name is None else name),
        content,
        None if found is None else _topics([found] if isinstance(found, str) else found, topics, where),
        None if ranges is None else _spans(ranges, spans, content, where),
    )


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of a JSON lines file (plain, gzip, xz), and where it stands for messages."""
    for number, line in _lines(path):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: not JSON ({error.msg}, column {error.colno})") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected an object, got {type(row).__name__}")
        yield where, row


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield number, line
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, after line {number}: not UTF-8 ({error.reason})") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:  # among them a packed file that was cut off
        raise InputError(f"{path}, after line {number}: cannot be read ({error})") from None


def field(row: dict[str, Any], name: str, kind: type, where: str) -> Any:
    """Return a field of a row, which must be of that kind; `where` the row stands is for the message."""
    value = row.get(name)
    if not isinstance(value, kind):
        came = "is missing" if name not in row else f"is {type(value).__name__}"
        raise InputError(f"{where}: field {name!r} {came}, expected {kind.__name__}")
    return value


def _topics(found: Any, name: str, where: str) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(topic, str) for topic in found):
        raise InputError(f"{where}: field {name!r} is {found!r}, expected a list of str")
    return tuple(found)


def _spans(found: Any, name: str, text: str, where: str) -> tuple[tuple[int, int, str], ...]:
    if not isinstance(found, list):
        raise InputError(f"{where}: field {name!r} is {type(found).__name__}, expected a list")
    spans = []
    for i, row in enumerate(found):
        entry = f"{where}, {name}[{i}]"
        if not isinstance(row, dict):
            raise InputError(f"{entry}: expected an object with start, end and label, got {type(row).__name__}")
        spans.append(tuple(field(row, key, kind, entry) for key, kind in _SPAN_FIELDS))
    _check_spans(spans, text, where)
    return tuple(spans)


def _check_spans(spans: Iterable[tuple[int, int, str]], text: str, where: str) -> None:
    last = 0
    for start, end, label in sorted(spans):
        if not 0 <= start < end <= len(text):
            raise AnnotationError(
                f"{where}: span [{start}, {end}) {label} is empty or leaves its text of {len(text)} characters"
            )
        if start < last:
            raise AnnotationError(f"{where}: span [{start}, {end}) {label} overlaps the one before it")
        last = end
