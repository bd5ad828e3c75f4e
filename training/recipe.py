"""A recipe: what a model is made of, as a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagger.errors import ConfigurationError, InputError
from training.corpus import Document, data_folder, read_marked, read_standoff, read_table

__all__ = ["Recipe", "Source", "read_recipe"]


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
            names = [str(self.expand(name)[0]) if _is_path(name) else name for name in source.files]
            return [document for name in names for document in read_table(name, **source.columns)]
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
        found = sorted(folder.glob(os.path.normpath(pattern))) if ".." not in pattern else _climb(folder, pattern)
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
    tables = ("lexicon", "vectorizer", "topics", "spans", "card")
    _check(
        content,
        {"name": str, "version": str, "seed": int, "folds": int, "description": str, "data": list},
        tables,
        path,
    )
    return Recipe(
        path=path,
        name=content["name"],
        version=content["version"],
        seed=content["seed"],
        n_folds=content["folds"],
        description=content["description"],
        sources=tuple(_source(path, i, row) for i, row in enumerate(content["data"], 1)),
        **{name: content.get(name, {}) for name in tables},
    )


def _check(content: dict[str, Any], required: dict[str, type], tables: tuple[str, ...], path: Path) -> None:
    for name, kind in required.items():
        if not isinstance(content.get(name), kind):
            came = f"is {content[name]!r}" if name in content else "is missing"
            raise ConfigurationError(f"{path}: entry {name!r} {came}, expected {kind.__name__}")
    for name in content:
        if name not in required and name not in tables:
            raise ConfigurationError(f"{path}: unknown entry {name!r}; known are {', '.join([*required, *tables])}")
    for name in tables:
        if not isinstance(content.get(name, {}), dict):
            raise ConfigurationError(f"{path}: entry {name!r} is {content[name]!r}, expected a table [{name}]")


def _source(path: Path, i: int, row: dict[str, Any]) -> Source:
    kinds = ("marked", "standoff", "table")
    if row.get("kind") not in kinds or not isinstance(row.get("files"), list):
        raise ConfigurationError(
            f"{path}: [[data]] number {i} needs kind (one of {', '.join(kinds)}) and files, a list of paths"
        )
    unknown = set(row) - set(Source.__dataclass_fields__)
    if unknown:
        raise ConfigurationError(f"{path}: [[data]] number {i}: unknown entry {sorted(unknown)[0]!r}")
    return Source(**{**row, "files": tuple(row["files"])})


def _is_path(name: str) -> bool:
    return Path(name).suffix in (".jsonl", ".json", ".csv", ".parquet")


def _climb(folder: Path, pattern: str) -> list[Path]:
    """Glob a pattern that begins with ``../``, which `Path.glob` does not take."""
    while pattern.startswith("../"):
        folder, pattern = folder.parent, pattern[3:]
    return sorted(folder.glob(pattern))
