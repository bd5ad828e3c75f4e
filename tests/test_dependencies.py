"""What is imported is declared in pyproject.toml, and what is declared is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

OURS = {"tagger", "training", "benchmarks"}
IMPORTED_AS = {"scikit-learn": "sklearn"}  # where a package's name is not that of its module


def imports(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def imports_of(room: str) -> set[str]:
    found = set().union(*map(imports, (ROOT / room).rglob("*.py")))
    return found - OURS - sys.stdlib_module_names


def modules(requirements: Iterable[str]) -> set[str]:
    names = (re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0] for requirement in requirements)
    return {IMPORTED_AS.get(name, name.lower().replace("-", "_")) for name in names}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {**content["project"], "groups": content["dependency-groups"]}


def test_the_library_imports_what_it_installs(project: dict[str, Any]) -> None:
    core = modules(project["dependencies"])
    assert imports_of("tagger") == core | modules(project["optional-dependencies"]["tables"])


def test_training_imports_what_it_installs(project: dict[str, Any]) -> None:
    train = modules(project["optional-dependencies"]["train"])
    assert train <= imports_of("training") <= train | modules(project["dependencies"])


def test_tests_import_what_is_installed_for_them(project: dict[str, Any]) -> None:
    group = modules(project["groups"]["test"])
    extras = modules(requirement for extra in project["optional-dependencies"].values() for requirement in extra)
    helpers = {path.stem for path in (ROOT / "tests").glob("*.py")}
    assert group <= imports_of("tests") <= group | extras | helpers | modules(project["dependencies"])


def test_the_library_knows_no_other_room() -> None:
    """Rooms import one way; the command line is the roof."""
    library = (path for path in (ROOT / "tagger").rglob("*.py") if path.name != "cli.py")
    assert [path.name for path in library if imports(path) & {"training", "benchmarks"}] == []
    assert [path.name for path in (ROOT / "training").rglob("*.py") if "benchmarks" in imports(path)] == []
