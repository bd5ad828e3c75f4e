"""A recipe: what a model is made of, as a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagger.artifact import NAME, VERSION
from tagger.errors import ConfigurationError, InputError
from tagger.features.vectorizer import ArticleVectorizer
from tagger.spans import SpanTagger
from tagger.topic import TopicClassifier
from training.corpus import Document, data_folder, read_marked, read_standoff, read_table
from training.lexicon import check_numbers

__all__ = ["Recipe", "Source", "read_recipe"]

_REQUIRED = {"name": str, "version": str, "seed": int, "folds": int, "description": str, "data": list}
_OURS = {"segmenter", "lexicon", "random_state"}  # parameters that the recipe's other entries decide
_LEARNING = {"min_count", "min_pair_count", "n_contexts", "n_pair_contexts", "n_dimensions", "n_clusters"}
_TABLES = {
    "lexicon": {"model", "corpora", "gazetteers", "jieba_names"} | _LEARNING,
    "vectorizer": set(ArticleVectorizer().get_params(deep=False)) - _OURS,
    "topics": set(TopicClassifier().get_params(deep=False)) - _OURS,
    "spans": set(SpanTagger().get_params(deep=False)) - _OURS,
    "card": {"annotated", "limits"},
}


@dataclass(frozen=True, slots=True)
class Source:
    """One corpus of a recipe.

    Attributes
    ----------
    kind : {"marked", "standoff", "table"}
    files : tuple of str
        Path patterns, or a hub name for a table. ``${TAGGER_DATA}`` stands for the folder of real documents; other
        paths are relative to the recipe.
    texts : str or None
        For stand-off annotations, the file that holds their texts.
    judged : bool
        Whether its articles count in the cross-validation; those of other sources are only learned from.
    columns : mapping
        For a table, the columns that hold ``text``, ``topics`` and ``spans``.
    """

    kind: str
    files: tuple[str, ...]
    texts: str | None = None
    judged: bool = True
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model is made of; see ``training/recipes/`` for examples."""

    path: Path
    name: str
    version: str
    seed: int
    n_folds: int
    description: str
    sources: tuple[Source, ...]
    lexicon: Mapping[str, Any]
    vectorizer: Mapping[str, Any]
    topics: Mapping[str, Any]
    spans: Mapping[str, Any]
    card: Mapping[str, str]

    def documents(self) -> list[tuple[Document, bool]]:
        """Read every source: each document, and whether it counts in the cross-validation."""
        return [(document, source.judged) for source in self.sources for document in self._read(source)]

    def _read(self, source: Source) -> list[Document]:
        if source.kind == "table":
            names = [name for one in source.files for name in (self.expand(one) if _is_path(one) else [one])]
            return [document for name in names for document in read_table(str(name), **source.columns)]
        files = [path for pattern in source.files for path in self.expand(pattern)]
        if source.kind == "marked":
            return read_marked(files)
        if source.texts is None:
            raise ConfigurationError(f"{self.path}: a source of kind 'standoff' needs 'texts', the file of its texts")
        return read_standoff(files, self.expand(source.texts)[0])

    def expand(self, pattern: str) -> list[Path]:
        """Return the files that a path pattern of the recipe names, sorted.

        Raises
        ------
        InputError
            If there is none, or it is under ``TAGGER_DATA`` and that folder is not here.
        """
        if pattern.startswith("${TAGGER_DATA}/"):
            folder = data_folder()
            if folder is None:
                raise InputError(
                    f"{self.path}: {pattern} is needed; set TAGGER_DATA to the folder of real documents "
                    "(training/recipes/demo.toml needs none)"
                )
            pattern = pattern.removeprefix("${TAGGER_DATA}/")
        else:
            folder = self.path.parent
        found = _glob(folder, pattern)
        if not found:
            raise InputError(f"{self.path}: {folder / pattern} names no file")
        return found


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    InputError
        If the file is missing or no TOML.
    ConfigurationError
        If an entry is missing, unknown or of the wrong type; the message names it.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such recipe") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, expected a recipe file (TOML)") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    _check(content, path)
    return Recipe(
        path=path,
        name=content["name"],
        version=content["version"],
        seed=content["seed"],
        n_folds=content["folds"],
        description=content["description"],
        sources=tuple(_source(path, i, row) for i, row in enumerate(content["data"], 1)),
        **{name: content.get(name, {}) for name in _TABLES},
    )


def _check(content: dict[str, Any], path: Path) -> None:
    for name, kind in _REQUIRED.items():
        value = content.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            came = f"is {value!r}" if name in content else "is missing"
            raise ConfigurationError(f"{path}: entry {name!r} {came}, expected {kind.__name__}")
    for name in content:
        if name not in _REQUIRED and name not in _TABLES:
            known = ", ".join([*_REQUIRED, *_TABLES])
            raise ConfigurationError(f"{path}: unknown entry {name!r}; known are {known}")
    _check_values(content, path)
    for name in _TABLES:
        if not isinstance(content.get(name, {}), dict):
            raise ConfigurationError(f"{path}: entry {name!r} is {content[name]!r}, expected a table [{name}]")
        for key in content.get(name, {}):
            if key not in _TABLES[name]:
                raise ConfigurationError(
                    f"{path}: unknown entry {key!r} in [{name}]; known are {', '.join(sorted(_TABLES[name]))}"
                )
    _check_lexicon(content.get("lexicon", {}), f"{path}: [lexicon]")


def _check_lexicon(table: dict[str, Any], where: str) -> None:
    for name, kind in (("model", str), ("corpora", list), ("gazetteers", list), ("jieba_names", bool)):
        if not isinstance(table.get(name, kind()), kind):
            raise ConfigurationError(f"{where}: entry {name!r} is {table[name]!r}, expected {kind.__name__}")
    for name in ("corpora", "gazetteers"):
        if odd := [file for file in table.get(name, ()) if not isinstance(file, str)]:
            raise ConfigurationError(f"{where}: {name} hold {odd[0]!r}, expected paths")
        if name in table and not table[name]:
            raise ConfigurationError(f"{where}: {name} name no file; leave the entry out")
    if "model" in table and "corpora" in table:
        raise ConfigurationError(f"{where}: 'model' and 'corpora' exclude each other; give one of the two")
    learning = {name: table[name] for name in sorted(_LEARNING & set(table))}
    if learning and "corpora" not in table:
        raise ConfigurationError(f"{where}: {next(iter(learning))!r} goes with 'corpora', the raw text to learn from")
    try:
        check_numbers(**learning)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


def _check_values(content: dict[str, Any], path: Path) -> None:
    """Refuse now what would else be refused when all the work is done."""
    for name, pattern, expected in (
        ("name", NAME, "small letters, digits, '.', '_' and '-'"),
        ("version", VERSION, "major.minor.patch, such as 1.0.0"),
    ):
        if not pattern.fullmatch(content[name]):
            raise ConfigurationError(f"{path}: entry {name!r} is {content[name]!r}, expected {expected}")
    if content["folds"] < 2:
        raise ConfigurationError(f"{path}: entry 'folds' is {content['folds']}, expected at least 2")
    if not content["data"]:
        raise ConfigurationError(f"{path}: no [[data]]; name at least one source of annotated articles")


def _source(path: Path, i: int, row: Any) -> Source:
    where = f"{path}: [[data]] number {i}"
    kinds = ("marked", "standoff", "table")
    if not isinstance(row, dict) or row.get("kind") not in kinds or not isinstance(row.get("files"), list):
        raise ConfigurationError(f"{where} needs kind (one of {', '.join(kinds)}) and files, a list of paths")
    unknown = set(row) - set(Source.__dataclass_fields__)
    if unknown:
        raise ConfigurationError(f"{where}: unknown entry {sorted(unknown)[0]!r}")
    for name, kind in (("texts", str), ("judged", bool), ("columns", dict)):
        if not isinstance(row.get(name, kind()), kind):
            raise ConfigurationError(f"{where}: entry {name!r} is {row[name]!r}, expected {kind.__name__}")
    if odd := [file for file in row["files"] if not isinstance(file, str)]:
        raise ConfigurationError(f"{where}: files hold {odd[0]!r}, expected paths")
    if odd := set(row.get("columns", ())) - {"text", "topics", "spans"}:
        raise ConfigurationError(f"{where}: unknown column {sorted(odd)[0]!r}; known are text, topics, spans")
    return Source(**{**row, "files": tuple(row["files"])})


def _is_path(name: str) -> bool:
    return Path(name).suffix in (".jsonl", ".json", ".csv", ".parquet")


def _glob(folder: Path, pattern: str) -> list[Path]:
    """Return what a pattern names; `Path.glob` takes none that is absolute or begins with ``../``."""
    if (anchor := Path(pattern).anchor) and Path(pattern).is_absolute():
        folder, pattern = Path(anchor), str(Path(pattern).relative_to(anchor))
    while pattern.startswith("../"):
        folder, pattern = Path(os.path.normpath(folder / "..")), pattern[3:]  # the parent of "." is no parent
    return sorted(folder.glob(os.path.normpath(pattern)))
