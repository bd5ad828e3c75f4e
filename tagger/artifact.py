"""A model on disk: one folder of JSON, safetensors and text, verified whole before anything is built of it.

``manifest.json`` names every other file with its size, its SHA-256 and, for safetensors, the dtype and shape of each
array; a checksum over itself makes one changed byte anywhere an error. This module knows files and arrays, never
estimators, and nothing in a folder is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as short  # a hostile value must not fill the screen
from typing import Any

import numpy as np

from tagger import __version__
from tagger._packing import (
    DTYPES,
    RESTORE,
    array_kind,
    decode,
    encode,
    listing,
    pack,
    read,
    read_verified,
    sync_folder,
    unpack,
    write,
)
from tagger.errors import ConfigurationError, ModelFormatError, ModelNotFoundError

__all__ = ["FORMAT", "MANIFEST", "NAME", "VERSION", "Artifact", "load", "manifest_sha256", "save"]

# Raise FORMAT when a release writes folders that the last release would misread: an entry of the manifest or an array
# renamed, dropped or given another meaning. (Additions that an old reader may overlook need no new number.) Then
#   1. add the number to _READ_SINCE with the release that will be the first to read it;
#   2. add to _MIGRATIONS, under the *former* number, a function that returns the manifest in the new form;
#   3. keep a small model of the former format in tests/data and test that it loads and predicts the same.
FORMAT = 1
_READ_SINCE = {1: "0.1.0"}
_MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

MANIFEST = "manifest.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
VERSION = re.compile(
    r"(?P<major>0|[1-9][0-9]{0,8})\.(?P<minor>0|[1-9][0-9]{0,8})\.(?P<patch>0|[1-9][0-9]{0,8})"
    r"(?:-(?P<pre>[0-9A-Za-z]{1,16}(?:\.[0-9A-Za-z]{1,16}){0,8}))?"
)
_ARRAYS = ".safetensors"
_FILE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,99}/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_HEX = re.compile(r"[0-9a-f]{64}")
_REQUIRES = re.compile(r"tagger>=[0-9]{1,9}(\.[0-9]{1,9}){1,2}")
_BLANK = "0" * 64  # stands for the checksum while it is computed
_MAX_MANIFEST = 64 << 20  # bytes; a manifest is read before anything vouches for its size
_KINDS = {"checksum": str, "files": dict, "format": int, "meta": dict, "name": str, "requires": str, "version": str}


@dataclass(frozen=True, eq=False)
class Artifact:
    """What a model folder holds.

    Attributes
    ----------
    name : str
        Small ASCII letters, digits, ``.``, ``_`` and ``-``, for example ``"gov-news"``.
    version : str
        ``major.minor.patch``, perhaps with a pre-release: ``"1.2.0"``, ``"1.2.0-rc.1"``.
    meta : dict
        Plain JSON data (lists, not tuples; finite numbers; keys are str): labels, parameters, scores, seed ...
    arrays : mapping of str to mapping of str to ndarray
        By part, which is the file's name without ``.safetensors``, then by name. Booleans, integers, finite floats.
    texts : mapping of str to str
        By file name, perhaps in one subfolder: ``"README.md"``, ``"lexicon/places.txt"``.
    """

    name: str
    version: str
    meta: dict[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def save(artifact: Artifact, folder: str | Path) -> Path:
    """Write a model folder, whole or not at all.

    The same content gives the same bytes: no clock, no path and no order of insertion enters the files.

    Parameters
    ----------
    artifact : Artifact
        What to write.
    folder : str or Path
        Must not exist yet; its parents are made. On a shelf it is ``<shelf>/<name>/<version>``.

    Returns
    -------
    folder : Path
        The folder that was written.

    Raises
    ------
    ModelFormatError
        If the artifact holds what a folder cannot: a bad name, another dtype, NaN, meta that is not plain JSON.
    ConfigurationError
        If `folder` exists: a version is never overwritten.
    OSError
        If the disk refuses; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as shelf:
    ...     artifact = Artifact("demo", "1.0.0", {"topics": ["审计"]}, {"topic": {"coef": np.ones((1, 3))}})
    ...     folder = save(artifact, Path(shelf) / "demo" / "1.0.0")
    ...     sorted(path.name for path in folder.iterdir()), load(folder).meta
    (['manifest.json', 'topic.safetensors'], {'topics': ['审计']})
    """
    folder = Path(folder)
    contents = _contents(artifact, folder)
    _check_place(artifact.name, artifact.version, folder)
    _refuse_existing(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"  # hidden: no shelf lists it
    temporary.mkdir()
    try:
        for name, data in contents.items():
            write(temporary / name, data)
        sync_folder(temporary)
        _refuse_existing(folder)  # another process may have been faster; rename would replace an empty folder
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone already where the rename succeeded
    sync_folder(folder.parent)
    return folder


def load(folder: str | Path, *, sha256: str | None = None) -> Artifact:
    """Read and verify a model folder.

    Parameters
    ----------
    folder : str or Path
        A folder that :func:`save` wrote. Hidden files in it are ignored; any other that the manifest does not name
        is an error.
    sha256 : str, optional
        Pins the model: the :func:`manifest_sha256` that it must have, in hex.

    Returns
    -------
    artifact : Artifact
        Every file was of its size and hash, every array of its dtype and shape, every float finite. The arrays are
        writable and contiguous, as those that training makes are, so that compiled code sees one type of array.

    Raises
    ------
    ModelNotFoundError
        If there is no such folder.
    ModelFormatError
        If anything in it is not as it was written, or a newer tagger wrote it; says which file, and what to do.
    ConfigurationError
        If `sha256` is not a SHA-256 in hex.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder, sha256)
    _check_place(manifest["name"], manifest["version"], folder)
    _check_listing(folder, manifest["files"])
    arrays: dict[str, dict[str, np.ndarray]] = {}
    texts: dict[str, str] = {}
    for name, entry in manifest["files"].items():
        path = folder / name
        data = read_verified(path, entry["bytes"], entry["sha256"])
        if "arrays" in entry:
            arrays[name.removesuffix(_ARRAYS)] = unpack(path, data, entry["arrays"])
        else:
            texts[name] = decode(path, data)
    return Artifact(manifest["name"], manifest["version"], manifest["meta"], arrays, texts)


def manifest_sha256(folder: str | Path) -> str:
    """Return the SHA-256, in hex, of the manifest, which pins all that the folder holds.

    Raises
    ------
    ModelNotFoundError, ModelFormatError
        If there is no such folder, or no manifest in it.
    """
    return hashlib.sha256(_manifest_bytes(Path(folder))).hexdigest()


# Writing


def _contents(artifact: Artifact, folder: Path) -> dict[str, bytes]:
    """Return all files of the folder by name, the manifest last; `folder` is for messages."""
    _check_meta(artifact.meta, folder)
    if odd := [name for name in artifact.texts if str(name).endswith(_ARRAYS)]:
        raise ModelFormatError(f"{folder}: {odd} given as text; give arrays by part, under `arrays`")
    contents = {f"{part}{_ARRAYS}": pack(folder, part, arrays) for part, arrays in artifact.arrays.items()}
    contents |= {name: encode(folder / str(name), text) for name, text in artifact.texts.items()}
    files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in contents.items()}
    for part, arrays in artifact.arrays.items():
        files[part + _ARRAYS]["arrays"] = {name: array_kind(array) for name, array in arrays.items()}
    document = {
        "checksum": _BLANK,
        "files": files,
        "format": FORMAT,
        "meta": artifact.meta,
        "name": artifact.name,
        "requires": f"tagger>={_READ_SINCE[FORMAT]}",
        "version": artifact.version,
    }
    if problem := next(_problems(document), None):
        raise ModelFormatError(f"{folder}: this cannot be saved as a model: {problem}")
    contents[MANIFEST] = _render(document, folder)
    return contents


def _render(document: dict[str, Any], folder: Path) -> bytes:
    """Return the bytes of the manifest, its checksum filled in."""
    text = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n"
    data = encode(folder / MANIFEST, text)
    return data.replace(_BLANK.encode(), hashlib.sha256(data).hexdigest().encode(), 1)


def _check_meta(meta: Mapping[str, Any], folder: Path) -> None:
    for key, value in meta.items():
        try:
            same = json.loads(json.dumps({key: value}, allow_nan=False)) == {key: value}
            reason = "a tuple or a key that is not a str comes back different"
        except (TypeError, ValueError, RecursionError) as error:
            same, reason = False, str(error)
        if not same:
            raise ModelFormatError(f"{folder}: meta[{key!r}] is not plain JSON data ({reason}); convert it first")


def _refuse_existing(folder: Path) -> None:
    if os.path.lexists(folder):
        raise ConfigurationError(f"{folder} exists, and a model is never overwritten; choose a higher version")


# Reading: the manifest


def _read_manifest(folder: Path, pin: str | None) -> dict[str, Any]:
    """Return the manifest, migrated to FORMAT, its own bytes and the form of every entry verified."""
    data = _manifest_bytes(folder)
    path = folder / MANIFEST
    if pin is not None:
        _check_pin(path, data, pin)
    document = _parse(path, data)
    _check_format(path, document)
    _check_checksum(path, document, data)
    for number in range(document["format"], FORMAT):
        document = _MIGRATIONS[number](document)
    if problem := next(_problems(document), None):
        raise ModelFormatError(f"{path}: {problem}; {RESTORE}")
    return document


def _manifest_bytes(folder: Path) -> bytes:
    if not folder.is_dir():
        raise ModelNotFoundError(f"{folder}: no such folder; give the folder that holds the model's {MANIFEST}")
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise ModelFormatError(f"{path}: no such file, so this is not a model folder; check the path")
    return read(path, max_bytes=_MAX_MANIFEST)


def _check_pin(path: Path, data: bytes, pin: str) -> None:
    if not isinstance(pin, str) or not _HEX.fullmatch(pin.lower()):
        raise ConfigurationError(f"sha256={short(pin)}: expected 64 hexadecimal digits")
    if (digest := hashlib.sha256(data).hexdigest()) != pin.lower():
        raise ModelFormatError(f"{path}: its SHA-256 is {digest}, expected {pin.lower()}; this is not the pinned model")


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_finite, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 and bad JSON are ValueErrors
        reason = " ".join(str(error).split())
        raise ModelFormatError(f"{path}: not a JSON object that can be read ({reason}); {RESTORE}") from error
    if not isinstance(document, dict):
        raise ModelFormatError(f"{path}: holds a JSON {type(document).__name__}, expected an object; {RESTORE}")
    return document


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key comes twice in one object")
    return document


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{short(number)} is not a finite number")
    return value


def _check_format(path: Path, document: dict[str, Any]) -> None:
    number = document.get("format")
    if type(number) is not int:
        raise ModelFormatError(f"{path}: 'format' is {short(number)}, expected a whole number; {RESTORE}")
    if number > FORMAT:
        requires = document.get("requires")
        known = isinstance(requires, str) and _REQUIRES.fullmatch(requires)
        reader = f": install {requires}" if known else ""
        raise ModelFormatError(
            f"{path}: format {short(number)}, but tagger {__version__} reads formats up to {FORMAT}; "
            f"this model needs a newer tagger{reader}"
        )
    if number < FORMAT and number not in _MIGRATIONS:
        raise ModelFormatError(f"{path}: format {short(number)}, which no release of tagger wrote; {RESTORE}")


def _check_checksum(path: Path, document: dict[str, Any], data: bytes) -> None:
    declared = document.get("checksum")
    if not isinstance(declared, str) or not _HEX.fullmatch(declared):
        raise ModelFormatError(f"{path}: 'checksum' is {short(declared)}, expected 64 hexadecimal digits; {RESTORE}")
    blank = data.replace(declared.encode(), _BLANK.encode(), 1)  # keys are sorted, so the first is its own
    if (digest := hashlib.sha256(blank).hexdigest()) != declared:
        raise ModelFormatError(
            f"{path}: its checksum is {digest}, expected {declared}: it was edited, or its line ends converted; "
            f"{RESTORE}"
        )


def _problems(document: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the form of a manifest; only the first can be relied on."""
    if set(document) != set(_KINDS):
        yield f"its entries are {short(sorted(document))}, expected {', '.join(_KINDS)}"
    for key, kind in _KINDS.items():
        if type(document[key]) is not kind:
            yield f"{key!r} is {short(document[key])}, expected {kind.__name__}"
    if not NAME.fullmatch(document["name"]):
        yield f"name {short(document['name'])}: expected small ASCII letters, digits, '.', '_' and '-'"
    if not VERSION.fullmatch(document["version"]):
        yield f"version {short(document['version'])}: expected major.minor.patch such as 1.0.0 or 1.0.0-rc.1"
    for name, entry in document["files"].items():
        yield from _file_problems(name, entry)


def _file_problems(name: str, entry: Any) -> Iterator[str]:
    where = f"the entry of file {short(name)}"
    if not isinstance(name, str) or not _FILE.fullmatch(name) or name == MANIFEST:
        yield f"file name {short(name)}: expected ASCII letters, digits, '.', '_', '-', at most one folder"
    expected = {"bytes", "sha256"} | ({"arrays"} if name.endswith(_ARRAYS) else set())
    if not isinstance(entry, dict) or set(entry) != expected:
        yield f"{where} is {short(entry)}, expected {', '.join(sorted(expected))}"
    if type(entry["bytes"]) is not int or entry["bytes"] < 0:
        yield f"{where} has bytes {short(entry['bytes'])}, expected a whole number"
    if not isinstance(entry["sha256"], str) or not _HEX.fullmatch(entry["sha256"]):
        yield f"{where} has sha256 {short(entry['sha256'])}, expected 64 hexadecimal digits"
    if "arrays" in entry:
        yield from _array_problems(where, entry["arrays"], entry["bytes"])


def _array_problems(where: str, arrays: Any, n_bytes: int) -> Iterator[str]:
    if not isinstance(arrays, dict):
        yield f"{where} has arrays {short(arrays)}, expected an object"
    for name, kind in arrays.items():
        if not isinstance(kind, dict) or set(kind) != {"dtype", "shape"}:
            yield f"{where}: array {short(name)} is {short(kind)}, expected dtype and shape"
        if not isinstance(kind["dtype"], str) or kind["dtype"] not in DTYPES:
            yield f"{where}: array {short(name)} has dtype {short(kind['dtype'])}, expected {sorted(DTYPES)}"
        shape = kind["shape"]
        if not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 1 << 48 for n in shape):
            yield f"{where}: array {short(name)} has shape {short(shape)}, expected a list of whole numbers"
        if len(shape) > 8 or math.prod(shape) * np.dtype(kind["dtype"]).itemsize > n_bytes:
            yield f"{where}: array {short(name)} has shape {short(shape)}, which {n_bytes} bytes cannot hold"


def _check_place(name: str, version: str, folder: Path) -> None:
    """Refuse a renamed model: a folder with the name of a version stands on a shelf, below the model's name."""
    place = folder.resolve()
    if VERSION.fullmatch(place.name) and (place.parent.name, place.name) != (name, version):
        raise ModelFormatError(
            f"{folder}: the model is {name} {version}, but its folder says {place.parent.name} {place.name}; "
            f"rename the folder to {name}/{version}"
        )


# Reading: the other files


def _check_listing(folder: Path, files: Iterable[str]) -> None:
    found, expected = set(listing(folder)), {*files, MANIFEST}
    if missing := sorted(expected - found):
        raise ModelFormatError(f"{folder}: {short(missing)} missing, or not a regular file; {RESTORE}")
    if extra := sorted(found - expected):
        raise ModelFormatError(f"{folder}: {short(extra)} not in the manifest; move it out of the model's folder")
