"""Annotated articles, whatever they were stored as."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tagger.errors import AnnotationError, InputError

__all__ = ["Document", "data_folder", "parse_marked", "read_marked", "read_standoff", "read_table"]

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
        for where, row in _rows(path):
            text, spans = parse_marked(_field(row, "marked", str, where))
            if "⟦" in text or "⟧" in text:
                raise AnnotationError(f"{where}: a mark is not closed or stands in another; expected ⟦LABEL|surface⟧")
            topics = tuple(_field(row, "topics", list, where))
            documents.append(Document(_field(row, "id", str, where), text, topics, spans))
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
    by_id = {_field(row, "id", str, where): _field(row, "text", str, where) for where, row in _rows(texts)}
    documents = []
    for path in annotations:
        for where, row in _rows(path):
            name = _field(row, "id", str, where)
            if name not in by_id:
                raise InputError(f"{where}: no text with id {name!r} in {texts}; rebuild the texts")
            text = by_id[name]
            if sha256(text.encode("utf-8")).hexdigest() != row.get("sha256"):
                raise InputError(f"{where}: the text of {name!r} in {texts} is not the one that was annotated (sha256)")
            spans = None
            if "spans" in row:
                spans = tuple((int(s["start"]), int(s["end"]), str(s["label"])) for s in row["spans"])
                _check_spans(spans, text, where)
            topics = tuple(_field(row, "topics", list, where))
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
        not there was not annotated.
    """
    from datasets import load_dataset

    kinds = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
    kind = kinds.get(Path(source).suffix.lower())
    table = load_dataset(kind, data_files=source, split="train") if kind else load_dataset(source, split="train")
    if text not in table.column_names:
        raise InputError(f"{source}: no column {text!r}; it has {', '.join(table.column_names)}")
    return [_table_document(f"{source}, row {i}", i, row, text, topics, spans) for i, row in enumerate(table)]


def _table_document(where: str, i: int, row: dict[str, Any], text: str, topics: str, spans: str) -> Document:
    content = _field(row, text, str, where)
    found = row.get(topics)
    ranges = row.get(spans)
    if ranges is not None:
        ranges = tuple((int(s["start"]), int(s["end"]), str(s["label"])) for s in ranges)
        _check_spans(ranges, content, where)
    if found is not None:
        found = (found,) if isinstance(found, str) else tuple(found)
    return Document(str(row.get("id", i)), content, found, ranges)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of a JSON lines file, and where it stands for messages."""
    try:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    with opened as lines:
        for number, line in enumerate(lines, 1):
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


def _field(row: dict[str, Any], name: str, kind: type, where: str) -> Any:
    value = row.get(name)
    if not isinstance(value, kind):
        came = "is missing" if name not in row else f"is {type(value).__name__}"
        raise InputError(f"{where}: field {name!r} {came}, expected {kind.__name__}")
    return value


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
