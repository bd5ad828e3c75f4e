"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the real documents and corpora, which only some machines have."""
    folder = Path(os.environ.get("TAGGER_DATA", ROOT.parent / "shared"))
    if not (folder / "seeds").is_dir():
        pytest.skip(f"no real documents here: {folder}/seeds is missing (set TAGGER_DATA to the folder that holds it)")
    return folder


@pytest.fixture(scope="session")
def seeds(shared: Path) -> dict[str, str]:
    """Text of each seed page by the number its file name begins with."""
    return {path.name[:3]: path.read_bytes().decode("utf-8") for path in sorted((shared / "seeds").glob("*.txt"))}
