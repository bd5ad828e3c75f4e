"""Results as one JSON file that grows entry by entry, so that a run can be broken off and taken up again."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tagger.errors import InputError

__all__ = ["Ledger", "code_digest", "machine", "versions"]

_FORMAT = 1
_ROOT = Path(__file__).resolve().parent.parent


class Ledger:
    """Entries by key, each with the settings that it was measured with.

    Parameters
    ----------
    path : Path
        Written anew, atomically, with each entry; read where it exists.

    Raises
    ------
    InputError
        If the file is no results file, or another machine's: numbers of two machines are no comparison.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        self.content: dict[str, Any] = {"format": _FORMAT, "machine": machine(), "sets": {}, "entries": {}}
        if path.exists():
            self.content = _read(path)
            if writable and self.content["machine"] != machine():
                raise InputError(
                    f"{path} holds results of another machine or Python ({self.content['machine']}); this is "
                    f"{machine()}: give --json another file"
                )

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """Every entry by key: ``settings``, ``result``, ``versions``, ``code`` and ``date``."""
        entries: dict[str, dict[str, Any]] = self.content["entries"]
        return entries

    def find(self, key: str, settings: Mapping[str, Any], packages: Iterable[str]) -> dict[str, Any] | None:
        """Return the result under a key, if it was measured with these settings and versions of packages."""
        entry = self.entries.get(key)
        if entry is None or entry["settings"] != _plain(settings) or entry["versions"] != versions(packages):
            return None
        result: dict[str, Any] = entry["result"]
        return result

    def add(self, key: str, settings: Mapping[str, Any], result: Mapping[str, Any], packages: Iterable[str]) -> None:
        """Keep a result, and write the file."""
        self.entries[key] = {
            "settings": _plain(settings),
            "result": _plain(result),
            "versions": versions(packages),
            "code": code_digest(),
            "date": datetime.now(UTC).date().isoformat(),
        }
        self.write()

    def results(self, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the rest of the key, and the result, of each entry whose key begins with `prefix`."""
        for key, entry in self.entries.items():
            if key.startswith(prefix):
                yield key.removeprefix(prefix), entry["result"]

    def write(self) -> None:
        """Write the file: to a sibling first, then in its place."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        text = json.dumps(self.content, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, self.path)


def machine() -> dict[str, Any]:
    """Return what the numbers depend on and a ratio may not mix: processor, cores, system, Python."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": ".".join(map(str, sys.version_info[:2])),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the version of each distribution; ``missing`` where it is not installed.

    Examples
    --------
    >>> versions(["no-such-package"])
    {'no-such-package': 'missing'}
    """
    return {name: _version(name) for name in packages}


def code_digest() -> str:
    """Return a hash of the library's source that decides spans, to tell results of other code apart."""
    library = _ROOT / "tagger"
    rooms = ("crf", "features", "spans", "text")
    paths = sorted(path for path in library.rglob("*.py") if path.relative_to(library).parts[0].startswith(rooms))
    digest = sha256(b"".join(path.read_bytes() for path in paths))
    return digest.hexdigest()[:12]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON will give back, so that settings compare equal after a reading."""
    plain: dict[str, Any] = json.loads(json.dumps(value))
    return plain


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); remove it, or give --json another file") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(f"{path}: no results of format {_FORMAT}; remove it, or give --json another file")
    return content
