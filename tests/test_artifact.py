from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger import _packing, artifact
from tagger.artifact import Artifact, load, manifest_sha256, save
from tagger.errors import ConfigurationError, ModelFormatError, ModelNotFoundError, TaggerError

ARRAYS = {
    "topic": {"coef": np.linspace(-1, 1, 6).reshape(2, 3).astype(np.float32), "idf": np.array([1.0, 2.5, 3.0])},
    "spans": {
        "keys": np.array([3, 1 << 63], np.uint64),
        "none": np.zeros((0, 5), np.int32),
        "scalar": np.array(7, np.int16),
        "mask": np.array([True, False, True]),
    },
}
META = {"topics": ["审计", "产业园区"], "seed": 7, "scores": {"审计": 0.875}, "hmm": False, "note": None}
TEXTS = {"README.md": "# 演示模型\n\n砚川市的两篇。\n", "lexicon/places.txt": "鹿泷县\r\n砚川市\n"}


def small(**changes: Any) -> Artifact:
    given = {"name": "demo", "version": "1.0.0", "meta": META, "arrays": ARRAYS, "texts": TEXTS}
    return Artifact(**given | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(small(), tmp_path / "demo" / "1.0.0")


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the manifest and make its checksum right again, as somebody hostile would."""
    document = json.loads((folder / "manifest.json").read_bytes())
    change(document)
    document["checksum"] = "0" * 64
    data = json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True).encode()
    (folder / "manifest.json").write_bytes(data.replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode(), 1))


def replace(folder: Path, name: str, data: bytes) -> None:
    """Change a file and make its entry in the manifest right again."""
    (folder / name).write_bytes(data)
    entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit(folder, lambda document: document["files"][name].update(entry))


def refused(folder: Path, match: str | None = None) -> str:
    with pytest.raises(ModelFormatError, match=match) as caught:
        load(folder)
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    assert len(message) < 700 + len(str(folder))
    return message


# What is written is what is read


def test_what_is_saved_is_loaded(folder: Path) -> None:
    loaded = load(folder)
    assert (loaded.name, loaded.version, loaded.meta, loaded.texts) == ("demo", "1.0.0", META, TEXTS)
    assert {part: set(arrays) for part, arrays in loaded.arrays.items()} == {k: set(v) for k, v in ARRAYS.items()}
    for part, arrays in ARRAYS.items():
        for name, array in arrays.items():
            read = loaded.arrays[part][name]
            assert (read.dtype, read.shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(read, array)


def test_loaded_arrays_are_like_those_that_training_makes(folder: Path) -> None:
    for arrays in load(folder).arrays.values():
        for array in arrays.values():
            assert array.flags.writeable and array.flags.c_contiguous and array.flags.aligned


def test_order_of_insertion_memory_and_place_make_no_difference(folder: Path, tmp_path: Path) -> None:
    backwards = {part: dict(reversed(arrays.items())) for part, arrays in ARRAYS.items()}
    backwards["topic"]["coef"] = np.asfortranarray(backwards["topic"]["coef"])
    other = small(
        meta=dict(reversed(META.items())),
        arrays=dict(reversed(backwards.items())),
        texts=dict(reversed(TEXTS.items())),
    )
    assert files(save(other, tmp_path / "elsewhere")) == files(folder)


def test_arrays_in_any_memory_order(tmp_path: Path) -> None:
    big = np.arange(24, dtype=np.float64).reshape(4, 6)
    given = {"t": big.T, "step": big[::2, ::-1], "swapped": big.astype(">f8"), "scalar": big[0, 3]}
    with pytest.raises(ModelFormatError, match="'scalar' of 'x' is float64; expected an ndarray"):
        save(small(arrays={"x": given}), tmp_path / "m")
    del given["scalar"]
    loaded = load(save(small(arrays={"x": given}), tmp_path / "m")).arrays["x"]
    for name, array in given.items():
        np.testing.assert_array_equal(loaded[name], array)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=50)  # each example waits for the disk
@given(meta=st.dictionaries(st.text(), PLAIN))
def test_any_plain_data_comes_back(tmp_path_factory: pytest.TempPathFactory, meta: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("m") / "m"
    assert load(save(Artifact("demo", "1.0.0", meta), folder)).meta == meta


def test_the_manifest_is_for_people_too(folder: Path) -> None:
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "checksum": "')
    assert text.endswith("}\n")
    assert '"审计"' in text
    document = json.loads(text)
    assert sorted(document) == ["checksum", "files", "format", "meta", "name", "requires", "version"]
    assert document["requires"] == "tagger>=0.1.0"
    assert document["files"]["topic.safetensors"]["arrays"]["coef"] == {"dtype": "float32", "shape": [2, 3]}


def test_no_clock_and_no_place_in_the_files(folder: Path) -> None:
    for data in files(folder).values():
        assert str(folder).encode() not in data
        assert time.strftime("%Y").encode() not in data


def test_an_empty_model(tmp_path: Path) -> None:
    loaded = load(save(Artifact("a", "0.0.0-rc.1", arrays={"x": {}}), tmp_path / "a" / "0.0.0-rc.1"))
    assert loaded.arrays == {"x": {}}
    assert loaded.texts == loaded.meta == {}


def test_hidden_files_are_left_alone(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "lexicon" / ".gitattributes").write_text("* -text")
    assert load(folder).meta == META


def test_loading_imports_no_estimators(folder: Path) -> None:
    heavy = {"sklearn", "scipy", "pandas", "pyarrow", "numba", "jieba", "rjieba", "pickle5", "torch"}
    code = f"import sys; from tagger.artifact import load; load({str(folder)!r}); print({heavy!r} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_model_of_the_largest_size_allowed_loads_quickly(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal(25_000_000 // 8)
    folder = save(small(arrays={"spans": {"weights": weights}}), tmp_path / "m")
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        load(folder)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5  # 0.03 measured on an idle core with SHA instructions; this guards the order of magnitude


# Pins


def test_a_pin_holds_the_whole_folder(folder: Path, tmp_path: Path) -> None:
    pin = manifest_sha256(folder)
    assert pin == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert load(folder, sha256=pin.upper()).meta == META
    other = save(small(texts={"README.md": "另一个"}), tmp_path / "other")
    with pytest.raises(ModelFormatError, match="not the pinned model"):
        load(other, sha256=pin)


@pytest.mark.parametrize("pin", ["", "abc", "g" * 64, "0" * 63, "０" * 64, 5])
def test_a_pin_that_is_none(folder: Path, pin: Any) -> None:
    with pytest.raises(ConfigurationError, match="64 hexadecimal digits"):
        load(folder, sha256=pin)


# Saving refuses


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    before = files(folder)
    with pytest.raises(ConfigurationError, match="never overwritten"):
        save(small(meta={}), folder)
    assert files(folder) == before
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("empty", "dangling"):
        with pytest.raises(ConfigurationError, match="never overwritten"):
            save(small(), tmp_path / name)


def test_a_faster_process_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "sync_folder", lambda folder: (tmp_path / "m").mkdir(exist_ok=True))
    with pytest.raises(ConfigurationError, match="never overwritten"):
        save(small(), tmp_path / "m")
    assert os.listdir(tmp_path) == ["m"]


@pytest.mark.parametrize("n_written", range(5))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_killed_save_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int, error: BaseException
) -> None:
    written: list[Path] = []

    def write(path: Path, data: bytes) -> None:
        if len(written) == n_written:
            raise error
        written.append(path)
        _packing.write(path, data)

    monkeypatch.setattr(artifact, "write", write)
    with pytest.raises(type(error)):
        save(small(), tmp_path / "demo" / "1.0.0")
    assert list((tmp_path / "demo").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"name": "Gov News"}, "name 'Gov News': expected small ASCII"),
        ({"name": "../x"}, "name '../x'"),
        ({"name": "新闻"}, "name"),
        ({"name": 5}, "'name' is 5, expected str"),
        ({"version": "1.0"}, r"version '1.0': expected major\.minor\.patch"),
        ({"version": "1.0.0\n"}, "version"),
        ({"meta": {"a": float("nan")}}, "'a'.*not plain JSON"),
        ({"meta": {"审计": float("inf")}}, "'审计'.*not plain JSON"),
        ({"meta": {"labels": ("a",)}}, "'labels'.*tuple"),
        ({"meta": {"a": {1: 2}}}, "'a'.*not plain JSON"),
        ({"meta": {"n": np.int64(3)}}, "'n'.*int64"),
        ({"meta": {"p": Path("x")}}, "'p'.*Path"),
        ({"meta": {"s": "\ud800"}}, "lone surrogate"),
        ({"texts": {"README.md": "\ud800"}}, "README.md: character 0 is a lone surrogate"),
        ({"texts": {"README.md": b"x"}}, "expected a str to write, got bytes"),
        ({"texts": {"../README.md": "x"}}, "file name '../README.md'"),
        ({"texts": {"/etc/x": "x"}}, "file name '/etc/x'"),
        ({"texts": {"a/b/c": "x"}}, "at most one folder"),
        ({"texts": {".hidden": "x"}}, "file name '.hidden'"),
        ({"texts": {"名.txt": "x"}}, "file name '名.txt'"),
        ({"texts": {"manifest.json": "{}"}}, "file name 'manifest.json'"),
        ({"texts": {"topic.safetensors": "x"}}, "given as text"),
        ({"arrays": {"a/b": {}}}, "part 'a/b'"),
        ({"arrays": {"..": {}}}, "part '..'"),
        ({"arrays": {"x": {"": np.ones(1)}}}, "not empty"),
        ({"arrays": {"x": {"__metadata__": np.ones(1)}}}, "__metadata__"),
        ({"arrays": {"x": {"权": np.array(["砚川"])}}}, "'权' of 'x' is <U2"),
        ({"arrays": {"x": {"o": np.array([{}])}}}, "'o' of 'x' is object"),
        ({"arrays": {"x": {"o": np.ones(1, np.complex64)}}}, "is complex64"),
        ({"arrays": {"x": {"o": [1.0]}}}, "is list"),
        ({"arrays": {"x": {"o": np.array([1, np.nan])}}}, "NaN or infinity"),
        ({"arrays": {"x": {"o": np.array([-np.inf], np.float16)}}}, "NaN or infinity"),
    ],
)
def test_what_a_folder_cannot_hold_is_refused(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ModelFormatError, match=match):
        save(small(**changes), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_circular_and_deep_data(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: Any = "底"
    for _ in range(100_000):
        deep = [deep]
    for value in (loop, deep):
        with pytest.raises(ModelFormatError, match="not plain JSON"):
            save(small(meta={"x": value}), tmp_path / "m")
    while isinstance(deep, list):  # taken apart by hand: freeing it at once would recurse
        deep = deep.pop()


def test_saving_under_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"the model is demo 1\.0\.0, but its folder says demo 1\.0\.1"):
        save(small(), tmp_path / "demo" / "1.0.1")


# Loading refuses


@pytest.mark.parametrize("seed", range(3))
def test_any_flipped_byte_is_found(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    whole = files(folder)
    names = sorted(whole)
    for i in range(100):
        name = names[i % len(names)]
        data = bytearray(whole[name])
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(data)
        refused(folder)
        (folder / name).write_bytes(whole[name])
    assert load(folder).meta == META


def test_every_byte_of_the_manifest_counts(folder: Path) -> None:
    path = folder / "manifest.json"
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        refused(folder)


def test_truncated_and_lengthened_files(folder: Path) -> None:
    for name, data in files(folder).items():
        for changed in (b"", data[:1], data[: len(data) // 2], data[:-1], data + b"\n", data * 2):
            (folder / name).write_bytes(changed)
            refused(folder, name if name != "manifest.json" else None)
        (folder / name).write_bytes(data)


def test_missing_files(folder: Path) -> None:
    for name, data in files(folder).items():
        (folder / name).unlink()
        refused(folder, "no such file" if name == "manifest.json" else f"{name}.*missing")
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", ["model.pkl", "spans.safetensors.bak", "Thumbs.db", "lexicon/人名.txt", "deep/er/x"])
def test_other_files_are_refused_and_never_read(folder: Path, name: str) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(folder / "exploded"),))

    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    refused(folder, "not in the manifest")
    assert not (folder / "exploded").exists()


def test_a_pickle_in_the_place_of_arrays(folder: Path) -> None:
    replace(folder, "topic.safetensors", pickle.dumps({"coef": 1}))
    refused(folder, "not a safetensors file")


def test_no_folder(tmp_path: Path) -> None:
    for call in (load, manifest_sha256):
        with pytest.raises(ModelNotFoundError, match="no such folder"):
            call(tmp_path / "没有")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        load(tmp_path / "file")
    refused(tmp_path, "no such file, so this is not a model folder")


def test_links_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("topic.safetensors", "manifest.json"):
        outside = tmp_path / name
        (folder / name).rename(outside)
        (folder / name).symlink_to(outside)
        refused(folder)
        (folder / name).unlink()
        outside.rename(folder / name)
    (folder / "lexicon").rename(tmp_path / "lexicon")
    (folder / "lexicon").symlink_to(tmp_path / "lexicon")
    refused(folder, "not a regular file")


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    (folder / "README.md").unlink()
    os.mkfifo(folder / "README.md")
    refused(folder, "not a regular file")


def test_a_renamed_model(folder: Path, tmp_path: Path) -> None:
    for name, version in (("gov-news", "1.0.0"), ("demo", "1.0.1"), ("demo", "2.0.0-rc.1")):
        renamed = tmp_path / "shelf" / name / version
        shutil.copytree(folder, renamed)
        refused(renamed, f"the model is demo 1.0.0, but its folder says {name} {version}; rename the folder")


def test_a_folder_off_the_shelf_may_have_any_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "我的模型")
    assert load(tmp_path / "我的模型").name == "demo"
    (tmp_path / "latest").symlink_to(folder)
    assert load(tmp_path / "latest").name == "demo"
    monkeypatch.chdir(folder)
    assert load(".").name == "demo"


def test_a_newer_format_says_which_release_reads_it(folder: Path) -> None:
    edit(folder, lambda document: document.update(format=2, requires="tagger>=3.4", other=[]))
    refused(folder, r"format 2, .* reads formats up to 1; this model needs a newer tagger: install tagger>=3\.4$")
    edit(folder, lambda document: document.update(format=9, requires="ignore this; rm -rf"))
    refused(folder, "needs a newer tagger$")


@pytest.mark.parametrize("number", [0, -1, 1.0, True, "1", None, [1]])
def test_a_format_that_never_was(folder: Path, number: Any) -> None:
    edit(folder, lambda document: document.update(format=number))
    refused(folder, "format")


def test_an_older_format_is_migrated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def add_language(document: dict[str, Any]) -> dict[str, Any]:
        return document | {"format": 2, "meta": document["meta"] | {"language": "zh"}}

    monkeypatch.setattr(artifact, "FORMAT", 2)
    monkeypatch.setattr(artifact, "_MIGRATIONS", {1: add_language})
    assert load(folder).meta == META | {"language": "zh"}


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
        (b"[]", "holds a JSON list"),
        (b"null", "holds a JSON NoneType"),
        (b'{"format": 1, "format": 1}', "a key comes twice"),
        (b'{"format": 1, "meta": {"a": NaN}}', "not a finite number"),
        (b'{"format": 1, "meta": {"a": 1e999}}', "not a finite number"),
        (b'{"format": ' + b"9" * 5000 + b"}", "not a JSON object"),
        (b"[" * 200_000, "not a JSON object"),
        (b'{"a":' * 200_000, "not a JSON object"),
        (b"{}", "'format' is None"),
        (b'{"format": 1}', "'checksum' is None"),
        ('{"format": 1, "checksum": "砚川"}'.encode(), "'checksum' is '砚川'"),
    ],
)
def test_hostile_manifests(folder: Path, data: bytes, match: str) -> None:
    (folder / "manifest.json").write_bytes(data)
    refused(folder, match)


def test_a_manifest_is_not_read_if_it_is_enormous(folder: Path) -> None:
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)
    refused(folder, "expected at most")


def set_in(*keys: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to

    return change


TOPIC = ("files", "topic.safetensors")
COEF = (*TOPIC, "arrays", "coef")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda document: document.pop("meta"), "its entries are"),
        (set_in("extra", to=1), "its entries are"),
        (set_in("meta", to=[]), "'meta' is"),
        (set_in("files", to=None), "'files' is None"),
        (set_in("name", to="../demo"), "name '../demo'"),
        (set_in("version", to="latest"), "version 'latest'"),
        (set_in("files", "../x", to={"bytes": 1, "sha256": "0" * 64}), "file name '../x'"),
        (set_in("files", "/etc/passwd", to={"bytes": 1, "sha256": "0" * 64}), "file name '/etc/passwd'"),
        (set_in("files", "a\\..\\b", to={"bytes": 1, "sha256": "0" * 64}), "file name"),
        (set_in("files", "x" * 10_000, to={"bytes": 1, "sha256": "0" * 64}), "file name"),
        (set_in("files", "x\n", to={"bytes": 1, "sha256": "0" * 64}), "file name"),
        (set_in("files", "manifest.json", to={"bytes": 1, "sha256": "0" * 64}), "file name 'manifest.json'"),
        (set_in(*TOPIC, to=[]), r"is \[\], expected arrays, bytes, sha256"),
        (set_in(*TOPIC, "bytes", to=-1), "has bytes -1"),
        (set_in(*TOPIC, "bytes", to=True), "has bytes True"),
        (set_in(*TOPIC, "bytes", to=1e3), "has bytes 1000.0"),
        (set_in(*TOPIC, "bytes", to=10**15), "bytes, expected 1000000000000000"),
        (set_in(*TOPIC, "sha256", to="0" * 64), "its SHA-256 is"),
        (set_in(*TOPIC, "sha256", to="z" * 64), "64 hexadecimal digits"),
        (set_in(*TOPIC, "arrays", to=[]), r"has arrays \[\]"),
        (set_in("files", "README.md", "arrays", to={}), "expected bytes, sha256"),
        (set_in(*COEF, to=None), "expected dtype and shape"),
        (set_in(*COEF, "dtype", to="object"), "has dtype 'object'"),
        (set_in(*COEF, "dtype", to=["float32"]), "has dtype"),
        (set_in(*COEF, "dtype", to="int32"), "is .*float32.*, expected .*int32"),
        (set_in(*COEF, "shape", to=[3, 2]), r"is .*\[2, 3\].*, expected .*\[3, 2\]"),
        (set_in(*COEF, "shape", to=[6]), "expected"),
        (set_in(*COEF, "shape", to=[2, -3]), "expected a list of whole numbers"),
        (set_in(*COEF, "shape", to=[2.0, 3]), "expected a list of whole numbers"),
        (set_in(*COEF, "shape", to="23"), "expected a list of whole numbers"),
        (set_in(*COEF, "shape", to=[2**40, 2**40]), "cannot hold"),
        (set_in(*COEF, "shape", to=[10**30]), "expected a list of whole numbers"),
        (set_in(*COEF, "shape", to=[1] * 5000), "cannot hold"),
        (lambda document: document["files"]["topic.safetensors"]["arrays"].pop("idf"), "arrays .*, expected"),
        (set_in(*TOPIC, "arrays", "权", to={"dtype": "int8", "shape": []}), "arrays .*, expected"),
    ],
)
def test_hostile_manifests_with_the_right_checksum(folder: Path, change: Callable[..., Any], match: str) -> None:
    edit(folder, change)
    refused(folder, match)


def safetensors_bytes(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\0" * 8,
        safetensors_bytes(b"{}", length=1 << 62),
        safetensors_bytes(b"{}", length=3),
        safetensors_bytes(b"[" * 100_000),
        safetensors_bytes(b'{"a":' * 100_000),
        safetensors_bytes(b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,8]}}', b"\0" * 8),
        safetensors_bytes(b'{"x":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,8]}}', b"\0" * 8),
        safetensors_bytes(b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}', b"\0" * 8),
        safetensors_bytes(b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[100,108]}}', b"\0" * 8),
        safetensors_bytes(b'{"x":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}', b"\0" * 8),
        safetensors_bytes(b'{"x":{"dtype":"PICKLE","shape":[4],"data_offsets":[0,8]}}', b"\0" * 8),
        safetensors_bytes(b'{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}', b"\0" * 8),
        safetensors_bytes(b"{}", b"\0" * 8),
    ],
)
def test_hostile_safetensors_with_the_right_hash(folder: Path, data: bytes) -> None:
    replace(folder, "topic.safetensors", data)
    refused(folder, r"topic\.safetensors")


@pytest.mark.parametrize("seed", range(3))
def test_random_safetensors_with_the_right_hash_load_or_are_refused(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    whole = (folder / "topic.safetensors").read_bytes()
    for _ in range(100):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        replace(folder, "topic.safetensors", bytes(data))
        try:
            loaded = load(folder)
        except ModelFormatError:
            continue
        assert all(np.isfinite(array).all() for array in loaded.arrays["topic"].values())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_not_numbers(folder: Path, value: float) -> None:
    data = (folder / "topic.safetensors").read_bytes()
    replace(folder, "topic.safetensors", data.replace(struct.pack("<d", 2.5), struct.pack("<d", value)))
    refused(folder, "'idf' holds NaN or infinity")


def test_booleans_that_are_neither(folder: Path) -> None:
    data = (folder / "spans.safetensors").read_bytes()
    replace(folder, "spans.safetensors", data.replace(b"\1\0\1", b"\1\7\1"))
    refused(folder, "neither true nor false")


def test_a_text_that_is_not_utf8(folder: Path) -> None:
    replace(folder, "README.md", "砚川市".encode("gb18030"))
    refused(folder, "README.md: byte 0 is not UTF-8")


def test_line_ends_that_a_tool_converted(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    refused(folder, "it was edited, or its line ends converted")


def test_a_file_that_the_disk_does_not_give(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    refused(folder, "Input/output error")


def test_every_error_is_one_of_ours() -> None:
    assert issubclass(ModelFormatError, TaggerError) and issubclass(ModelNotFoundError, TaggerError)
