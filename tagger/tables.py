"""Tables of texts, read row by row: JSON lines, CSV, TSV and Parquet.

A reader never holds more of the table than the row (for Parquet: the batch) it is at, so that a table may be larger
than memory. Rows come in the order of the file and keep their id.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tagger.errors import ConfigurationError, InputError

__all__ = ["TABLE_SUFFIXES", "Row", "is_table", "read_rows"]

TABLE_SUFFIXES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")

_BATCH_ROWS = 256
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes
    ----------
    id : str or int
        Value of the id field, or the number of the row (from 1) where the table has no such field.
    text : str
        The text to the letter.
    number : int
        Number of the row in its file, from 1; headers and blank lines do not count.
    """

    id: str | int
    text: str
    number: int


OnError = Callable[[InputError], None]


@dataclass(frozen=True, slots=True)
class _Fields:
    """Which fields hold text and id, and the errors that speak of them."""

    text: str
    id: str | None

    def row(self, values: Mapping[str, Any], number: int, where: str) -> Row:
        if self.text not in values:
            raise InputError(
                f"{where}: no field {self.text!r}, there is {_listed(values)}; name the text's field with --text-field"
            )
        text = values[self.text]
        if not isinstance(text, str):
            raise InputError(f"{where}: field {self.text!r} must be a string, got {_kind(text)}")
        return Row(self._id(values, number, where), text, number)

    def _id(self, values: Mapping[str, Any], number: int, where: str) -> str | int:
        name = "id" if self.id is None else self.id
        value = values.get(name)
        if value is None:
            if self.id is not None:
                raise InputError(f"{where}: no id in field {name!r}, there is {_listed(values)}")
            return number
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise InputError(f"{where}: field {name!r} must be a string or a whole number, got {_kind(value)}")
        return value


def is_table(path: Path) -> bool:
    """Tell by its suffix whether `path` is read as a table.

    Examples
    --------
    >>> is_table(Path("版面.JSONL")), is_table(Path("版面.txt"))
    (True, False)
    """
    return path.suffix.lower() in TABLE_SUFFIXES


def read_rows(
    path: Path,
    *,
    text_field: str = "text",
    id_field: str | None = None,
    on_error: OnError | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Iterator[Row]:
    r"""Read a table row by row; the suffix says which kind it is.

    JSON lines must be UTF-8. CSV and TSV have a header line and are UTF-8, or else GB18030 if all of the file is.

    Parameters
    ----------
    path : Path
        File that ends in one of ``TABLE_SUFFIXES``.
    text_field : str, default="text"
        Field or column that holds the text; it must be a string, and may be empty.
    id_field : str, optional
        Field or column that names the row; every row must then have it. By default ``"id"`` where a row has it,
        else the number of the row.
    on_error : callable, optional
        Called with the `InputError` of each row that cannot be read; the row is left out and reading goes on.
        By default the error is raised. Errors of the whole table (no such column, not a Parquet file) always are.
    on_note : callable, optional
        Called with one line of text about what the user should know, such as a file that is not UTF-8.

    Yields
    ------
    Row
        In the order of the file.

    Raises
    ------
    InputError
        With file, line (Parquet: row), what came and what was expected.
    ConfigurationError
        If the suffix is none of ``TABLE_SUFFIXES``, or Parquet is asked for and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "报道.jsonl"
    ...     _ = path.write_text('{"id": "a7", "text": "花市开了"}\n{"text": ""}\n', encoding="utf-8")
    ...     list(read_rows(path))
    [Row(id='a7', text='花市开了', number=1), Row(id=2, text='', number=2)]
    """
    fields = _Fields(text_field, id_field)
    fail = on_error if on_error is not None else _raise
    note = on_note if on_note is not None else _ignore
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return _json_rows(path, fields, fail)
        case ".csv":
            return _separated_rows(path, fields, fail, note, delimiter=",")
        case ".tsv":
            return _separated_rows(path, fields, fail, note, delimiter="\t")
        case ".parquet":
            return _parquet_rows(path, fields, fail)
    raise ConfigurationError(f"{path}: not a table that can be read; expected a name in {', '.join(TABLE_SUFFIXES)}")


def _json_rows(path: Path, fields: _Fields, fail: OnError) -> Iterator[Row]:
    number = 0
    with path.open("rb") as file:
        for line_number, line in enumerate(file, start=1):
            if line_number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            number += 1
            where = f"{path}, line {line_number}"
            try:
                row = fields.row(_json_object(line, where), number, where)
            except InputError as error:
                fail(error)
            else:
                yield row


def _json_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where}: not UTF-8 at byte {error.start} of the line (0x{line[error.start]:02x}); JSON lines must be "
            "UTF-8, convert the file first"
        ) from error
    except RecursionError as error:
        raise InputError(f"{where}: nested too deeply; expected one flat JSON object a line") from error
    except ValueError as error:
        raise InputError(f"{where}: not valid JSON ({error}); expected one object a line") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object, got {_kind(value)}")
    return value


def _separated_rows(
    path: Path, fields: _Fields, fail: OnError, note: Callable[[str], None], *, delimiter: str
) -> Iterator[Row]:
    encoding = _encoding(path)
    if encoding == "gb18030":
        note(f"{path}: read as GB18030 (it is not UTF-8, and all of it is valid GB18030)")
    # The limit is 131,072 characters by default, less than a long page; csv keeps it for the whole process, and a
    # higher one only turns an error into a row.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = _next_record(reader, path)
        if header is None:
            return
        _check_header(header, fields, path)
        number = 0
        while (record := _next_record(reader, path)) is not None:
            number += 1
            where = f"{path}, line {reader.line_num}"
            try:
                _check_width(record, header, where)
                row = fields.row(dict(zip(header, record, strict=True)), number, where)
            except InputError as error:
                fail(error)
            else:
                yield row


def _next_record(reader: Any, path: Path) -> list[str] | None:
    """Return the next record that is not a blank line, or None at the end."""
    try:
        for record in reader:
            if record:
                return list(record)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not valid CSV ({error}); is a quote left open?") from error
    return None


def _check_header(header: Sequence[str], fields: _Fields, path: Path) -> None:
    for name in (fields.text, fields.id):
        if name is not None and header.count(name) != 1:
            came = "no column" if name not in header else f"{header.count(name)} columns"
            raise InputError(f"{path}, line 1: {came} {name!r}, the header has {_listed(header)}")


def _check_width(record: Sequence[str], header: Sequence[str], where: str) -> None:
    if len(record) != len(header):
        raise InputError(f"{where}: {len(record)} columns, but the header has {len(header)}; is a comma not quoted?")


def _encoding(path: Path) -> str:
    """Find in one pass over the bytes, chunk by chunk, whether they are UTF-8 or else GB18030."""
    position = _first_undecodable(path, "utf-8")
    if position is None:
        return "utf-8-sig"
    if _first_undecodable(path, "gb18030") is None:
        return "gb18030"
    raise InputError(f"{path}: neither UTF-8 (byte {position} does not fit) nor GB18030; is it really a text table?")


def _first_undecodable(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            kept = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return done - kept + error.start
            if not chunk:
                return None
            done += len(chunk)


def _parquet_rows(path: Path, fields: _Fields, fail: OnError) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f'{path}: reading Parquet needs pyarrow, which is not installed; pip install "tagger[tables]"'
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_parquet_columns(names, fields, path)
            wanted = [name for name in dict.fromkeys((fields.text, fields.id or "id")) if name in names]
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted):
                for values in batch.to_pylist():
                    number += 1
                    try:
                        row = fields.row(values, number, f"{path}, row {number}")
                    except InputError as error:
                        fail(error)
                    else:
                        yield row
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a Parquet file that can be read ({error})") from error


def _check_parquet_columns(names: Sequence[str], fields: _Fields, path: Path) -> None:
    for name in (fields.text, fields.id):
        if name is not None and name not in names:
            raise InputError(f"{path}: no column {name!r}, the table has {_listed(names)}")


def _raise(error: InputError) -> NoReturn:
    raise error


def _ignore(_: str) -> None:
    return


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _kind(value: Any) -> str:
    """Name a value the way a user of JSON would."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def _listed(names: Any) -> str:
    """Name the first few fields; a hostile or very wide table must not make an endless message."""
    names = list(names)
    if not names:
        return "none"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name[:40]) for name in names[:8]) + more
