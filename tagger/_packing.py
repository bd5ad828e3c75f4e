"""Files and arrays of a model folder, one at a time: to bytes and back, each verified."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as short  # a hostile value must not fill the screen
from typing import Any

import numpy as np

from tagger.errors import ModelFormatError

__all__ = [
    "DTYPES",
    "RESTORE",
    "array_kind",
    "decode",
    "encode",
    "listing",
    "pack",
    "read",
    "read_verified",
    "sync_folder",
    "unpack",
    "write",
]

DTYPES = frozenset(
    {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"}
)
RESTORE = "the model is damaged: fetch or train it again"
_PART = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


def pack(folder: Path, part: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the safetensors bytes of a part; names, dtypes and values verified (`folder` is for messages)."""
    from safetensors.numpy import save as to_bytes

    if not isinstance(part, str) or not _PART.fullmatch(part):
        raise ModelFormatError(f"{folder}: part {part!r}: expected small ASCII letters, digits, '_' and '-'")
    for name, array in arrays.items():
        where = f"{folder}: array {name!r} of {part!r}"
        if not isinstance(name, str) or not name or name == "__metadata__":
            raise ModelFormatError(f"{where}: expected a str as its name, not empty, not '__metadata__'")
        if not isinstance(array, np.ndarray) or array.dtype.name not in DTYPES:
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise ModelFormatError(f"{where} is {kind}; expected an ndarray of {', '.join(sorted(DTYPES))}")
        _check_finite(where, array)
    # np.asarray, since np.ascontiguousarray makes a vector of a scalar; safetensors wants dense memory
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return bytes(to_bytes(dense))


def encode(path: Path, text: str) -> bytes:
    """Return `text` in UTF-8."""
    if not isinstance(text, str):
        raise ModelFormatError(f"{path}: expected a str to write, got {type(text).__name__}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelFormatError(f"{path}: character {error.start} is a lone surrogate; remove it") from error


def write(path: Path, data: bytes) -> None:
    """Write a new file and see it to the disk."""
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as file:  # "x": two names that a file system takes for one must not overwrite each other
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """See the names in a folder to the disk."""
    if os.name != "posix":
        return  # folders cannot be opened elsewhere
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def listing(folder: Path, prefix: str = "") -> Iterator[str]:
    """Yield the names of what is in `folder`, hidden files left out; what is no regular file ends in ``/`` or ``@``."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ModelFormatError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if prefix:
                yield f"{prefix}{entry.name}/"
            else:
                yield from listing(folder / entry.name, f"{entry.name}/")
        else:
            yield prefix + entry.name + ("" if entry.is_file(follow_symlinks=False) else "@")


def read(path: Path, *, max_bytes: int) -> bytes:
    """Return the bytes of a file that is not larger than it may be."""
    try:
        if (size := path.stat().st_size) > max_bytes:
            raise ModelFormatError(f"{path}: {size} bytes, expected at most {max_bytes}; {RESTORE}")
        return path.read_bytes()
    except OSError as error:
        raise ModelFormatError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def read_verified(path: Path, n_bytes: int, sha256: str) -> bytes:
    """Return the bytes of a file, of which size and hash are known."""
    data = read(path, max_bytes=n_bytes)
    if len(data) != n_bytes:
        raise ModelFormatError(f"{path}: {len(data)} bytes, expected {n_bytes}; {RESTORE}")
    if (digest := hashlib.sha256(data).hexdigest()) != sha256:
        raise ModelFormatError(f"{path}: its SHA-256 is {digest}, expected {sha256}; {RESTORE}")
    return data


def decode(path: Path, data: bytes) -> str:
    """Return the text of UTF-8 bytes."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelFormatError(f"{path}: byte {error.start} is not UTF-8; {RESTORE}") from error


def unpack(path: Path, data: bytes, declared: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays of safetensors bytes, which must have the dtypes and shapes declared and be finite."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    try:
        arrays: dict[str, np.ndarray] = from_bytes(data)
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that numpy lacks
        raise ModelFormatError(f"{path}: not a safetensors file ({short(str(error))}); {RESTORE}") from error
    if set(arrays) != set(declared):
        raise ModelFormatError(f"{path}: arrays {short(sorted(arrays))}, expected {short(sorted(declared))}; {RESTORE}")
    for name, array in arrays.items():
        if (kind := array_kind(array)) != declared[name]:
            raise ModelFormatError(f"{path}: array {short(name)} is {kind}, expected {declared[name]}; {RESTORE}")
        _check_finite(f"{path}: array {short(name)}", array)
    return arrays


def array_kind(array: np.ndarray) -> dict[str, Any]:
    """Return dtype and shape as the manifest has them."""
    return {"dtype": array.dtype.name, "shape": list(array.shape)}


def _check_finite(where: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not _all_finite(array):
        raise ModelFormatError(f"{where} holds NaN or infinity, expected finite numbers; train the model again")
    if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise ModelFormatError(f"{where} holds bytes that are neither true nor false; {RESTORE}")


def _all_finite(array: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        # NaN and infinity survive a sum, which allocates nothing; only a sum that overflows needs the second look
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())
