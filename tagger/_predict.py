"""``tagger predict``: files, tables and stdin in; tables, JSON and HTML out.

Everything streams: a text is read when the model asks for it and forgotten when its result is written.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagger._output import Progress, note, write_file, write_stdout
from tagger.errors import ConfigurationError, InputError
from tagger.types import Article, ModelId, Page

__all__ = ["Document", "predict"]

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Document:
    """One text to predict on: a whole file, or (`id` is not None) a row of a table."""

    path: str
    text: str
    id: str | int | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.path if self.id is None else f"{self.path}, {self.id}"


Result = tuple[Document, Page]


def predict(args: Namespace) -> None:
    """Run ``tagger predict`` as `args` say.

    Raises
    ------
    InputError
        If an input cannot be read. Missing files are found before anything is read; text that cannot be decoded and
        bad rows when it is their turn: results before them are written, unless the output is one JSON array or page.
    ConfigurationError
        If options contradict each other.
    """
    paths: list[str] = args.paths
    _check_options(args)
    for path in paths:
        _check_input(path, args.output)
    model = _load_model(args.model)
    skipped = _Skipped() if args.skip_bad else None
    documents = _documents(args, skipped.skip if skipped is not None else None)
    results = _results(model, documents, n_jobs=args.n_jobs, as_=args.as_)
    if args.output != STDIN or not sys.stdout.isatty():
        total = None if any(map(_is_table, paths)) else len(paths)
        results = Progress("texts", total=total).over(results)
    _write(args, results)
    if skipped is not None:
        skipped.report()


def _load_model(reference: str) -> Any:
    import tagger

    return tagger.load(reference)


# What comes in


def _check_options(args: Namespace) -> None:
    tables = [path for path in args.paths if _is_table(path)]
    if args.format == "html" and tables:
        raise ConfigurationError(f"--format html is for pages, and {tables[0]} is a table: use jsonl, json or table")
    if args.format == "html" and len(args.paths) > 1 and args.output == STDIN:
        raise ConfigurationError("--format html for several files needs --output FOLDER to write one page each into")
    if args.paths.count(STDIN) > 1:
        raise ConfigurationError("- (stdin) can be read only once")
    if args.n_jobs < 1 and args.n_jobs != -1:
        raise ConfigurationError(f"--n-jobs must be at least 1, or -1 for every core, got {args.n_jobs}")


def _check_input(path: str, output: str) -> None:
    if path == STDIN:
        return
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file")
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder: name the files in it, for example {os.path.join(path, '*.txt')}")
    if output != STDIN:
        _check_target(path, output)


def _check_target(path: str, target: str | Path) -> None:
    if os.path.isfile(target) and os.path.samefile(path, target):
        raise ConfigurationError(f"writing {target} would overwrite one of the inputs: choose another --output")


def _is_table(path: str) -> bool:
    from tagger.tables import is_table

    return path != STDIN and is_table(Path(path))


@dataclass
class _Skipped:
    """With ``--skip-bad``: reports what cannot be read and counts it."""

    count: int = 0

    def skip(self, error: InputError) -> None:
        self.count += 1
        note(f"skipped: {error}")

    def report(self) -> None:
        if self.count:
            note(f"{self.count} bad input{'s' * (self.count != 1)} skipped")


def _documents(args: Namespace, on_error: Callable[[InputError], None] | None) -> Iterator[Document]:
    for path in args.paths:
        if _is_table(path):
            from tagger.tables import read_rows

            rows = read_rows(
                Path(path), text_field=args.text_field, id_field=args.id_field, on_error=on_error, on_note=note
            )
            for row in rows:
                yield Document(path, row.text, row.id)
            continue
        try:
            text = _read(path)
        except InputError as error:
            if on_error is None:
                raise
            on_error(error)
        else:
            yield Document(path, text)


def _read(path: str) -> str:
    from tagger.text.files import decode, read_text

    decoded = decode(sys.stdin.buffer.read(), name="<stdin>") if path == STDIN else read_text(path)
    if not decoded.encoding.startswith("utf-8"):
        note(f"{path}: read as {decoded.encoding.upper()} ({decoded.evidence})")
    return decoded.text


def _results(model: Any, documents: Iterable[Document], *, n_jobs: int, as_: str) -> Iterator[Result]:
    """Predict on `documents` in order.

    The model may read ahead. When reading fails, the documents before the bad one are still predicted and yielded, and
    only then the error is raised.
    """
    waiting: deque[Document] = deque()
    errors: list[InputError] = []

    def texts() -> Iterator[str]:
        try:
            for document in documents:
                waiting.append(document)
                yield document.text
        except InputError as error:
            errors.append(error)

    for result in model.pipe(texts(), n_jobs=n_jobs, as_=as_):
        document = waiting.popleft()
        yield document, _as_page(result, document.text, model.id)
    if errors:
        raise errors[0]


def _as_page(result: Page | Article, text: str, model: ModelId) -> Page:
    return result if isinstance(result, Page) else Page((result,), len(text), model)


# What goes out


def _write(args: Namespace, results: Iterator[Result]) -> None:
    if args.format == "html":
        _write_html(args, results)
        return
    if args.format == "table":
        chunks = _table_chunks(results, to_file=args.output != STDIN)
    elif args.format == "jsonl":
        chunks = (_compact(_record(*result, as_=args.as_)) + "\n" for result in results)
    else:
        records = (_record(*result, as_=args.as_) for result in results)
        single = len(args.paths) == 1 and not _is_table(args.paths[0])
        chunks = _json_chunks(records, single=single)
    if args.output != STDIN:
        write_file(chunks, Path(args.output), keep=args.format == "jsonl")
    elif args.format == "table":
        write_stdout(chunks, encoding=sys.stdout.encoding)
    else:
        write_stdout(chunks)


def _record(document: Document, page: Page, *, as_: str) -> dict[str, Any]:
    """Return the object of one document as ``docs/prediction.schema.json`` defines it."""
    record = page.to_dict(document.path)
    if document.id is None:
        return record
    del record["path"]
    if as_ == "article":
        record.update(record.pop("articles")[0])
    return {"id": document.id, **record}


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _indented(value: object, margin: str = "\n") -> str:
    """Lay out JSON with one topic or span a line: what holds no object is not broken over lines."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(child, dict) for child in children):
        return _compact(value)
    inner = f"{margin}  "
    if isinstance(value, dict):
        items = (f"{inner}{_compact(key)}: {_indented(child, inner)}" for key, child in value.items())
        return f"{{{','.join(items)}{margin}}}"
    return f"[{','.join(inner + _indented(child, inner) for child in children)}{margin}]"


def _json_chunks(records: Iterable[dict[str, Any]], *, single: bool) -> Iterator[str]:
    """Yield one object for one file, and an array for several or for rows, without holding more than one record."""
    if single:
        for record in records:
            yield _indented(record) + "\n"
        return
    gap = "\n"
    yield "["
    for record in records:
        yield gap + _compact(record)
        gap = ",\n"
    yield "\n]\n"


def _table_chunks(results: Iterable[Result], *, to_file: bool) -> Iterator[str]:
    from tagger.display import to_table

    color = not to_file and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size((100, 24)).columns
    gap = ""
    for document, page in results:
        yield gap + to_table(page, document.text, title=document.name, width=width, color=color)
        gap = "\n"


def _write_html(args: Namespace, results: Iterable[Result]) -> None:
    from tagger.display import to_html

    targets = _html_targets(args.paths, args.output)
    for document, page in results:
        target = targets[document.path]
        html = [to_html(page, document.text, title=Path(document.path).name)]
        if target is None:
            write_stdout(html)
        else:
            write_file(html, target)
            note(f"wrote {target}")


def _html_targets(paths: Sequence[str], output: str) -> dict[str, Path | None]:
    """Name the page of each input: `output` itself for a single one, else ``<stem>.html`` in that folder, numbered."""
    folder = Path(output)
    if len(paths) == 1 and not folder.is_dir():
        return {paths[0]: None if output == STDIN else folder}
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"--output {output} is a file: several pages need a folder")
    folder.mkdir(exist_ok=True)
    targets: dict[str, Path | None] = {}
    for path in paths:
        stem = "stdin" if path == STDIN else Path(path).stem
        names = (folder / f"{stem}{suffix}.html" for suffix in ("", *(f"-{n}" for n in range(2, len(paths) + 1))))
        target = targets.setdefault(path, next(name for name in names if name not in targets.values()))
        for other in paths:
            if target is not None and other != STDIN:
                _check_target(other, target)
    return targets
