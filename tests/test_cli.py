from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_model import EagerModel, FakeModel

from tagger import __version__, _predict, cli
from tagger.errors import ModelFormatError, ModelNotFoundError

PAGE = "鹭洲市查账\n审计组到砚川市\n\n花市开了\n"


class Outcome:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def error(self) -> str:
        """The one line of an error."""
        assert self.status == 2
        assert self.err.startswith("tagger: error: ")
        assert self.err.count("\n") == 1
        return self.err


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line on the fake model, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_predict, "_load_model", lambda reference: FakeModel())

    def run(*argv: str) -> Outcome:
        try:
            status = cli.main(argv)
        except SystemExit as exit:
            status = exit.code
        return Outcome(status, *capsys.readouterr())

    return run


def write(name: str, data: str | bytes) -> str:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return name


# What comes out


def test_a_page_as_a_table(run: Run) -> None:
    outcome = run("predict", write("版面.txt", PAGE))
    assert outcome.status == 0
    assert outcome.out.startswith("版面.txt · 20 characters · 2 articles · fake 0.0.1\n")
    assert "topics  audit 0.90" in outcome.out
    assert outcome.err == ""


def test_a_page_as_json(run: Run) -> None:
    record = json.loads(run("predict", write("版面.txt", PAGE), "--format", "json").out)
    assert record["path"] == "版面.txt"
    assert record["n_chars"] == len(PAGE)
    for article in record["articles"]:
        for span in article["spans"]:
            assert PAGE[span["start"] : span["end"]] == span["text"]


def test_json_for_one_file_is_laid_out_for_reading(run: Run) -> None:
    lines = run("predict", write("a.txt", PAGE), "--format", "json").out.splitlines()
    assert lines[:3] == ["{", '  "path": "a.txt",', '  "model": {"name": "fake", "version": "0.0.1"},']
    assert '        {"start": 0, "end": 3, "label": "PLACE", "text": "鹭洲市", "confidence": 0.75},' in lines


def test_several_files_are_one_array_or_one_line_each(run: Run) -> None:
    files = [write("a.txt", PAGE), write("b.txt", ""), write("c.txt", "砚川市")]
    array = json.loads(run("predict", *files, "--format", "json").out)
    lines = [json.loads(line) for line in run("predict", *files, "--format", "jsonl").out.splitlines()]
    assert array == lines
    assert [record["path"] for record in lines] == files


@pytest.mark.parametrize("text", ["", " \n\t\r\n　"])
@pytest.mark.parametrize("format", ["table", "json", "jsonl", "html"])
def test_nothing_in_is_an_empty_result(run: Run, text: str, format: str) -> None:
    outcome = run("predict", write("a.txt", text), "--format", format)
    assert outcome.status == 0
    if format.startswith("json"):
        record = json.loads(outcome.out)
        assert (record["n_chars"], record["articles"]) == (len(text), [])


def test_a_file_as_one_article(run: Run) -> None:
    record = json.loads(run("predict", write("a.txt", PAGE), "--as", "article", "--format", "json").out)
    assert [article["ranges"] for article in record["articles"]] == [[[0, len(PAGE)]]]


def test_one_row_out_per_row_in(run: Run) -> None:
    rows = [{"id": f"鹭-{i}", "text": f"第{i}版 鹭洲市"} for i in range(30)]
    name = write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    out = run("predict", name, "--as", "article", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in out] == [row["id"] for row in rows]
    assert [json.loads(line)["spans"][0]["text"] for line in out] == ["鹭洲市"] * 30
    assert [json.loads(line)["id"] for line in run("predict", name, "--format", "jsonl").out.splitlines()] == [
        row["id"] for row in rows
    ]


def test_other_fields_of_a_csv(run: Run) -> None:
    name = write("rows.csv", "编号,正文\n7,砚川市\n8,鹭洲市\n")
    outcome = run("predict", name, "--text-field", "正文", "--id-field", "编号", "--format", "json")
    assert [record["id"] for record in json.loads(outcome.out)] == ["7", "8"]


def test_an_empty_table_is_an_empty_array(run: Run) -> None:
    assert json.loads(run("predict", write("rows.jsonl", ""), "--format", "json").out) == []


def test_rows_as_tables_are_named(run: Run) -> None:
    out = run("predict", write("rows.jsonl", '{"text": "砚川市"}\n{"id": "乙", "text": "鹭洲市"}\n')).out
    assert "rows.jsonl, 1 · " in out
    assert "rows.jsonl, 乙 · " in out


def test_half_a_surrogate_pair_stays_valid_json(run: Run) -> None:
    name = write("rows.jsonl", '{"id": "a\\ud800", "text": "鹭洲市\\udfff"}\n')
    for format in ("jsonl", "table"):
        outcome = run("predict", name, "--format", format)
        assert outcome.status == 0
    assert json.loads(run("predict", name, "--format", "jsonl").out)["id"] == "a\ud800"


def test_stdin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PAGE.encode("gb18030"))))
    outcome = run("predict", "-", "--format", "json")
    record = json.loads(outcome.out)
    assert (record["path"], record["n_chars"]) == ("-", len(PAGE))
    assert outcome.err.startswith("tagger: -: read as GB18030 (")


def test_gb18030_is_said(run: Run) -> None:
    outcome = run("predict", write("a.txt", PAGE.encode("gb18030")), "--format", "json")
    assert json.loads(outcome.out)["n_chars"] == len(PAGE)
    assert outcome.err.count("\n") == 1


def test_a_byte_order_mark_is_no_part_of_the_text(run: Run) -> None:
    outcome = run("predict", write("a.txt", "\ufeff鹭洲市"), "--format", "json")
    assert json.loads(outcome.out)["articles"][0]["spans"][0]["start"] == 0
    assert outcome.err == ""


# Where it goes


def test_output_appears_whole(run: Run) -> None:
    write("out.json", "old")
    outcome = run("predict", write("a.txt", PAGE), "--format", "json", "--output", "out.json")
    assert (outcome.status, outcome.out) == (0, "")
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["path"] == "a.txt"
    assert sorted(path.name for path in Path().iterdir()) == ["a.txt", "out.json"]


def test_output_follows_a_link_and_leaves_devices_alone(run: Run) -> None:
    Path("link").symlink_to("real.json")
    assert run("predict", write("a.txt", PAGE), "--format", "json", "--output", "link").status == 0
    assert Path("link").is_symlink()
    assert json.loads(Path("real.json").read_text(encoding="utf-8"))
    assert run("predict", "a.txt", "--output", os.devnull).status == 0
    assert not Path(os.devnull).is_file()


def test_a_page_of_html(run: Run) -> None:
    assert run("predict", write("a.txt", PAGE), "--format", "html").out.startswith("<!doctype html>")
    outcome = run("predict", "a.txt", "--format", "html", "--output", "a.html")
    assert outcome.err == "tagger: wrote a.html\n"
    assert "审计组到" in Path("a.html").read_text(encoding="utf-8")


def test_html_of_several_files_goes_into_a_folder(run: Run) -> None:
    Path("x").mkdir()
    files = [write("a.txt", PAGE), write("x/a.txt", "砚川市"), write("b.txt", "")]
    assert run("predict", *files, "--format", "html", "--output", "out").status == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a-2.html", "a.html", "b.html"]
    assert "砚川市" in Path("out/a-2.html").read_text(encoding="utf-8")
    assert "needs --output FOLDER" in run("predict", *files, "--format", "html").error
    assert "several pages need a folder" in run("predict", *files, "--format", "html", "--output", "out/a.html").error


# What goes wrong


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "required: COMMAND"),
        (("predict",), "required: PATH"),
        (("predict", "a.txt", "--format", "xml"), "invalid choice: 'xml'"),
        (("predict", "a.txt", "--n-jobs", "two"), "invalid int value: 'two'"),
        (("predict", "a.txt", "--n-jobs", "0"), "--n-jobs must be at least 1"),
        (("predict", "a.txt", "--form", "json"), "unrecognized arguments"),
        (("predict", "-", "-"), "only once"),
        (("predict", "缺.txt"), "缺.txt: no such file"),
        (("predict", "a.txt", "缺.txt"), "缺.txt: no such file"),
        (("predict", "."), ". is a folder: name the files in it"),
        (("predict", "rows.csv", "--format", "html"), "--format html is for pages, and rows.csv is a table"),
        (("predict", "a.txt", "--output", "a.txt"), "would overwrite one of the inputs"),
        (("predict", "a.txt", "--output", "."), "is a folder: --output needs the name of a file"),
        (("predict", "a.txt", "--output", "缺/out"), "there is no folder"),
        (("predict", "binary.txt"), "binary.txt: "),
        (("predict", "rows.csv"), "rows.csv, line 1: no column 'text'"),
        (("predict", "a\x1b[2J\n.txt"), "a\\x1b[2J"),
    ],
)
def test_mistakes_are_one_line_and_status_2(run: Run, argv: tuple[str, ...], message: str) -> None:
    write("a.txt", PAGE)
    write("rows.csv", "标题\n甲\n")
    write("binary.txt", b"\x7fELF\x02\x01\x01\0\0\xff\xfe\xff\0" * 9)
    outcome = run(*argv)
    assert message in outcome.error
    assert outcome.out == ""


def test_a_model_that_cannot_be_loaded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (ModelNotFoundError("no model 'x'"), ModelFormatError("x/manifest.json: damaged")):
        monkeypatch.setattr(_predict, "_load_model", lambda reference, error=error: _raise(error))
        assert str(error) in run("predict", write("a.txt", PAGE)).error


def _raise(error: Exception) -> Any:
    raise error


def test_a_bad_row_ends_the_run_after_the_rows_before_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_predict, "_load_model", lambda reference: EagerModel())
    name = write("rows.jsonl", '{"text": "甲"}\n{"text": "乙"}\n{"text": 5}\n{"text": "丁"}\n')
    outcome = run("predict", name, "--format", "jsonl")
    assert "rows.jsonl, line 3: field 'text' must be a string, got a number" in outcome.error
    assert [json.loads(line)["id"] for line in outcome.out.splitlines()] == [1, 2]


def test_rows_before_an_error_are_kept_beside_the_output(run: Run) -> None:
    name = write("rows.jsonl", '{"text": "甲"}\n{"text": 5}\n')
    outcome = run("predict", name, "--format", "jsonl", "--output", "out.jsonl")
    assert outcome.status == 2
    assert "out.jsonl is not complete" in outcome.err
    assert not Path("out.jsonl").exists()
    assert json.loads(Path("out.jsonl.part").read_text(encoding="utf-8"))["id"] == 1


def test_half_an_array_is_not_kept(run: Run) -> None:
    name = write("rows.jsonl", '{"text": "甲"}\n{"text": 5}\n')
    assert run("predict", name, "--format", "json", "--output", "out.json").status == 2
    assert [path.name for path in Path().iterdir()] == ["rows.jsonl"]


def test_bad_rows_and_files_can_be_skipped(run: Run) -> None:
    rows = write("rows.jsonl", '{"text": "甲"}\n{"text": 5}\n{\n{"text": "丁"}\n')
    binary = write("a.txt", b"\0\xff\xfe\0" * 9)
    outcome = run("predict", binary, rows, "--format", "jsonl", "--skip-bad")
    assert outcome.status == 0
    assert [json.loads(line)["id"] for line in outcome.out.splitlines()] == [1, 4]
    assert outcome.err.endswith("tagger: 3 bad inputs skipped\n")


def test_ten_megabytes_in_one_line(run: Run) -> None:
    text = "鹭洲的水," * 700_000  # in UTF-8, 10 MB
    outcome = run("predict", write("a.txt", text), "--format", "json", "--output", "out.json")
    assert outcome.status == 0
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["n_chars"] == len(text)
    assert "3,500,000 characters" in run("predict", "a.txt").out


def test_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_predict, "_load_model", lambda reference: _raise(KeyboardInterrupt()))
    outcome = run("predict", write("a.txt", PAGE))
    assert (outcome.status, outcome.err) == (130, "tagger: interrupted\n")


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(run: Run) -> None:
    Path(write("a.txt", PAGE)).chmod(0)
    assert "a.txt" in run("predict", "a.txt").error


# The process


def process(*argv: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "tagger", *argv], capture_output=True, timeout=60, **options)


def test_version_and_help() -> None:
    assert process("--version").stdout.decode() == f"tagger {__version__}\n"
    assert b"--skip-bad" in process("predict", "--help").stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, io\nfrom tagger import cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit): cli.main(['--help'])\n"
        "print(sorted({'numpy', 'scipy', 'sklearn', 'numba', 'jieba', 'pyarrow', 'opencc'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert found.stdout == "[]\n"


def test_help_is_instant() -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        process("--help")
        times.append(time.perf_counter() - start)
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], timeout=60)
    bare = time.perf_counter() - bare
    assert min(times) < max(0.1, 3 * bare)


def test_the_reader_of_stdout_may_go(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "鹭洲市"}\n' * 20_000, encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import fake_model\nfrom tagger import _predict, cli\n"
        "_predict._load_model = lambda reference: fake_model.FakeModel()\n"
        f"sys.exit(cli.main(['predict', {str(rows)!r}, '--format', 'jsonl']))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    assert json.loads(child.stdout.readline())["id"] == 1
    child.stdout.close()
    errors = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=60) == 141
    assert errors == b""


# Models and training


def test_models_list_and_show(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = pytest.importorskip("tagger.artifact")
    shelf = tmp_path / "shelf"
    meta = {"topics": ["审计"], "span_labels": ["ORG"], "scores": {"topics": {"macro_f1": 0.91234}}}
    model = artifact.Artifact("luzhou", "1.0.0", meta, texts={"README.md": "# 鹭洲模型\n"})
    folder = artifact.save(model, shelf / "luzhou" / "1.0.0")
    monkeypatch.setenv("TAGGER_MODELS", str(shelf))
    listed = run("models", "list").out.splitlines()
    assert listed[0].split() == ["NAME", "VERSION", "TOPICS", "SPAN", "LABELS", "SIZE", "PATH"]
    assert any(line.startswith("luzhou") and "审计" in line for line in listed)
    shown = run("models", "show", "luzhou").out
    assert "0.9123" in shown
    assert shown.endswith("# 鹭洲模型\n")
    (folder / "README.md").write_text("# 鹭洲模式\n", encoding="utf-8")
    assert "README.md" in run("models", "show", "luzhou").error


def test_models_show_of_an_unknown_one(run: Run) -> None:
    assert "鹭洲" in run("models", "show", "鹭洲").error


def test_training_that_is_not_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "training.train", None)
    assert "training comes with the project's repository" in run("train", "recipe.toml").error


def test_train_and_evaluate_hand_over_their_arguments(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    calls: list[Any] = []
    for name in ("training.train", "training.evaluate"):
        module = types.ModuleType(name)
        module.run = lambda *args, **options: calls.append((args, options))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    assert run("train", "recipe.toml", "--output", "shelf", "--n-jobs", "2").status == 0
    assert run("evaluate", "gov-news", "articles.jsonl").status == 0
    assert calls == [
        ((Path("recipe.toml"),), {"output": Path("shelf"), "n_jobs": 2}),
        (("gov-news",), {"data": "articles.jsonl", "n_jobs": 1}),
    ]
