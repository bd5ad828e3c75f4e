from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tagger import shelf
from tagger.artifact import Artifact, save
from tagger.errors import ConfigurationError, ModelNotFoundError
from tagger.shelf import find, list_models, shelves, version_key


def put(folder: Path, name: str, *versions: str) -> None:
    for version in versions:
        save(Artifact(name, version), folder / name / version)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return tmp_path / "first"


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return tmp_path / "second"


@pytest.fixture(autouse=True)
def only_these(first: Path, second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two shelves of the environment, an empty current directory, and a package without models of its own."""
    monkeypatch.setenv("TAGGER_MODELS", os.pathsep.join(map(str, (first, second))))
    package = tmp_path / "site" / "tagger"
    package.mkdir(parents=True)
    monkeypatch.setattr(shelf, "__file__", str(package / "shelf.py"))
    monkeypatch.chdir(package)


def test_shelves_stand_in_the_order_that_is_documented(first: Path, second: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    assert shelves() == [first, second, site / "tagger" / "models", site / "tagger" / "_shelf"]
    (site / "pyproject.toml").touch()
    assert shelves()[3:] == [site / "models", site / "tagger" / "_shelf"]


def test_a_shelf_that_is_named_twice_is_searched_once(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_MODELS", os.pathsep.join([str(first), "", str(first), "models"]))
    assert shelves()[:2] == [first, Path.cwd() / "models"]
    assert len(shelves()) == len(set(shelves())) == 3


@pytest.mark.parametrize("where", ["models", "_shelf"])
def test_models_beside_the_user_and_inside_the_package_are_found(where: str) -> None:
    put(Path(where), "demo", "1.0.0")
    assert find("demo") == Path(where).absolute() / "demo" / "1.0.0"


def test_newest_is_by_value_and_not_by_spelling(first: Path) -> None:
    put(first, "gov-news", "1.9.0", "1.10.0", "1.2.11")
    assert find("gov-news").name == "1.10.0"
    assert [entry.version for entry in list_models()] == ["1.10.0", "1.9.0", "1.2.11"]


def test_a_prerelease_is_never_chosen_over_a_release(first: Path) -> None:
    put(first, "gov-news", "1.0.0", "2.0.0-rc.1")
    assert find("gov-news").name == "1.0.0"
    assert find("gov-news==2.0.0-rc.1").name == "2.0.0-rc.1"


def test_the_newest_prerelease_where_there_is_no_release(first: Path) -> None:
    put(first, "gov-news", "1.0.0-rc.9", "1.0.0-rc.10")
    assert find("gov-news").name == "1.0.0-rc.10"


def test_versions_sort_as_semantic_versioning_orders_them() -> None:
    ordered = ["0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0", "1.0.1", "10.0.0"]
    assert sorted(random.Random(0).sample(ordered, len(ordered)), key=version_key) == ordered


@pytest.mark.parametrize("version", ["", "1", "1.0", "01.0.0", "1.0.0.0", "v1.0.0", "1.0.0\n", "１.0.0", "1.0.0-"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(ConfigurationError, match=r"major\.minor\.patch"):
        version_key(version)
    with pytest.raises(ConfigurationError, match=r"major\.minor\.patch"):
        find("gov-news", version)


def test_newest_on_any_shelf_and_earlier_shelf_of_equals(first: Path, second: Path) -> None:
    put(first, "gov-news", "1.0.0")
    put(second, "gov-news", "1.0.0", "1.1.0")
    assert find("gov-news") == second / "gov-news" / "1.1.0"
    assert find("gov-news", "1.0.0") == first / "gov-news" / "1.0.0"
    assert len(list_models()) == 2


def test_a_version_can_be_asked_for_in_two_ways_but_not_two_versions(first: Path) -> None:
    put(first, "gov-news", "1.0.0", "1.1.0")
    assert find("gov-news==1.0.0") == find("gov-news", "1.0.0") == find("gov-news==1.0.0", "1.0.0")
    with pytest.raises(ConfigurationError, match="disagree"):
        find("gov-news==1.0.0", "1.1.0")


def test_only_model_folders_are_listed(first: Path) -> None:
    put(first, "demo", "1.0.0")
    (first / "demo" / ".1.0.1.abcd.tmp").mkdir()
    (first / "demo" / "latest").mkdir()
    (first / "demo" / "1.0.2").mkdir()  # no manifest
    (first / "demo" / "1.0.3").touch()
    put(first, "demo2", "1.0.0")
    (first / "demo2").rename(first / "Демо 模型")
    (first / "README.md").touch()
    assert [(entry.name, entry.version) for entry in list_models()] == [("demo", "1.0.0")]


def test_a_path_is_taken_as_it_is(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(first, "gov-news", "1.0.0")
    folder = first / "gov-news" / "1.0.0"
    assert find(folder) == find(str(folder)) == folder
    monkeypatch.chdir(first / "gov-news")
    assert find("./1.0.0") == Path("1.0.0") == find(Path("1.0.0")) == find("1.0.0")


def test_a_name_on_a_shelf_goes_before_a_folder_here(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Artifact("other", "1.0.0"), Path("gov-news"))
    assert find("gov-news") == Path("gov-news")
    put(first, "gov-news", "1.0.0")
    assert find("gov-news") == first / "gov-news" / "1.0.0"


def test_a_path_has_no_version(first: Path) -> None:
    with pytest.raises(ConfigurationError, match="not with the path"):
        find(first, "1.0.0")


def test_unknown_name_says_what_there_is_and_where_it_looked(first: Path, second: Path) -> None:
    put(first, "gov-news", "1.0.0")
    with pytest.raises(ModelNotFoundError) as caught:
        find("gov-new")
    message = str(caught.value)
    assert "did you mean 'gov-news'?" in message
    assert f"{first}, {second} (missing)" in message
    assert "TAGGER_MODELS" in message
    assert "\n" not in message


def test_unknown_version_says_which_there_are(first: Path) -> None:
    put(first, "gov-news", "1.0.0", "1.1.0")
    with pytest.raises(ModelNotFoundError, match=r"no version 1\.2\.0 of model 'gov-news'; there is 1\.1\.0, 1\.0\.0"):
        find("gov-news==1.2.0")


def test_nothing_at_all() -> None:
    assert list_models() == []
    with pytest.raises(ModelNotFoundError, match="no model on any shelf"):
        find("gov-news")


@pytest.mark.parametrize("path", ["../gov-news", "/nowhere/砚川", "", "新闻", "gov/../../news", "a\0b", "~"])
def test_what_cannot_be_a_name_is_a_path_that_is_not_there(path: str) -> None:
    with pytest.raises(ModelNotFoundError, match="there is no"):
        find(path)


def test_a_folder_of_versions_is_not_a_model(first: Path) -> None:
    put(first, "gov-news", "1.0.0")
    with pytest.raises(ModelNotFoundError, match="give the folder of one version, or a name: gov-news"):
        find(first / "gov-news")
