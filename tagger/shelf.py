"""Where models are: folders ``<shelf>/<name>/<version>/`` on one or several shelves.

Shelves, in the order in which they are searched: those that the environment variable ``TAGGER_MODELS`` names
(separated as in ``PATH``), ``models`` in the current directory, ``models`` of the checkout that this package is run
from, and the shelf that is installed with the package.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tagger.artifact import MANIFEST, NAME, VERSION
from tagger.errors import ConfigurationError, ModelNotFoundError

__all__ = ["ModelEntry", "find", "list_models", "shelves", "version_key"]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model on a shelf: its name, its version, and the folder that holds it."""

    name: str
    version: str
    path: Path


def shelves() -> list[Path]:
    """Return the folders that are searched, in order and each once; they need not exist.

    Examples
    --------
    >>> shelves()[-1].name
    '_shelf'
    """
    package = Path(__file__).resolve().parent
    named = [Path(part).expanduser() for part in os.environ.get("TAGGER_MODELS", "").split(os.pathsep) if part]
    checkout = [package.parent / "models"] if (package.parent / "pyproject.toml").is_file() else []
    return list(dict.fromkeys(path.absolute() for path in (*named, Path("models"), *checkout, package / "_shelf")))


def list_models() -> list[ModelEntry]:
    """Return the models on all shelves, by name and then newest version first.

    Of two of the same name and version, the one on the earlier shelf is listed. Folders are not opened, so a damaged
    model is listed too; hidden folders, and those without a manifest, are not.
    """
    entries: dict[tuple[str, str], ModelEntry] = {}
    for shelf in shelves():
        for entry in _on_shelf(shelf):
            entries.setdefault((entry.name, entry.version), entry)
    newest_first = sorted(entries.values(), key=lambda entry: version_key(entry.version), reverse=True)
    return sorted(newest_first, key=lambda entry: entry.name)


def find(name_or_path: str | Path, version: str | None = None) -> Path:
    """Return the folder of a model.

    Parameters
    ----------
    name_or_path : str or Path
        A name on a shelf, ``"gov-news"`` or ``"gov-news==1.2.0"``; or the path of a model folder: a Path, a str that
        cannot be a name (``"./gov-news"``), or one that is no name on any shelf.
    version : str, optional
        The version to find, with a name only. By default the newest release on any shelf, or the newest
        pre-release where there is no release.

    Returns
    -------
    folder : Path
        It holds a manifest; :func:`tagger.artifact.load` verifies the rest.

    Raises
    ------
    ModelNotFoundError
        If there is none; says where it was looked for and what is there.
    ConfigurationError
        If two versions are asked for, one that is not ``major.minor.patch``, or a version of a path.
    """
    name, separator, pinned = str(name_or_path).partition("==")
    if isinstance(name_or_path, Path) or not NAME.fullmatch(name):
        return _find_path(Path(name_or_path), version)
    if separator:
        if version not in (None, pinned):
            raise ConfigurationError(f"{name_or_path!r} and version={version!r} disagree; give one of the two")
        version = pinned
    if version is not None and not VERSION.fullmatch(version):
        raise ConfigurationError(f"version {version!r}: expected major.minor.patch, such as 1.2.0")
    entries = list_models()
    for entry in entries if version else sorted(entries, key=_is_prerelease):
        if entry.name == name and version in (None, entry.version):
            return entry.path
    if version is None and (Path(name) / MANIFEST).is_file():
        return Path(name)
    raise ModelNotFoundError(_not_found(name, version, entries))


def version_key(version: str) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
    """Return a key that sorts versions as semantic versioning does.

    Parameters
    ----------
    version : str
        ``major.minor.patch``, perhaps with a pre-release.

    Raises
    ------
    ConfigurationError
        If `version` is not of that form.

    Examples
    --------
    >>> sorted(["1.10.0", "1.9.0", "1.10.0-rc.2", "1.10.0-rc.10"], key=version_key)
    ['1.9.0', '1.10.0-rc.2', '1.10.0-rc.10', '1.10.0']
    """
    match = VERSION.fullmatch(version)
    if match is None:
        raise ConfigurationError(f"version {version!r}: expected major.minor.patch, such as 1.2.0")
    identifiers = (match["pre"] or "").split(".")
    # Numbers stand before words, and by their value
    pre = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in identifiers)
    return int(match["major"]), int(match["minor"]), int(match["patch"]), match["pre"] is None, pre


def _is_prerelease(entry: ModelEntry) -> bool:
    return "-" in entry.version


def _find_path(path: Path, version: str | None) -> Path:
    if version is not None:
        raise ConfigurationError(f"version={version!r} goes with the name of a model, not with the path {path}")
    if (path / MANIFEST).is_file():
        return path
    state = f"there is no {MANIFEST} in this folder" if path.is_dir() else "there is no such folder"
    raise ModelNotFoundError(f"{path}: {state}; give the folder of one version, or a name: {_names(list_models())}")


def _on_shelf(shelf: Path) -> Iterator[ModelEntry]:
    for model in _folders(shelf):
        for folder in _folders(model) if NAME.fullmatch(model.name) else ():
            if VERSION.fullmatch(folder.name) and (folder / MANIFEST).is_file():
                yield ModelEntry(model.name, folder.name, folder)


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError as error:
        raise ModelNotFoundError(f"{parent}: this shelf cannot be read ({error.strerror}); allow it") from error


def _not_found(name: str, version: str | None, entries: Iterable[ModelEntry]) -> str:
    from difflib import get_close_matches

    entries = list(entries)
    versions = [entry.version for entry in entries if entry.name == name]
    if versions:
        return f"no version {version} of model {name!r}; there is {', '.join(versions)}"
    close = get_close_matches(name, {entry.name for entry in entries}, n=1)
    guess = f", did you mean {close[0]!r}?" if close else ";"
    looked = ", ".join(f"{shelf}" if shelf.is_dir() else f"{shelf} (missing)" for shelf in shelves())
    return f"no model {name!r}{guess} there is {_names(entries)}; looked in {looked}; TAGGER_MODELS adds shelves"


def _names(entries: Iterable[ModelEntry]) -> str:
    return ", ".join(dict.fromkeys(entry.name for entry in entries)) or "no model on any shelf"
