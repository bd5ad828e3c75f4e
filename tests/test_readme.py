"""Whatever the project's pages tell a user to run is run here, and what they claim is looked up."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from tagger import cli
from training.corpus import read_marked

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<kind>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_BULLETIN = "鹿泷县委审计委员会召开会议\n本报讯 5月17日,县委书记岑望舒主持会议,审议《鹿泷县2024年审计项目计划》。\n"


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and the comment above it, which says what it is to the tests."""

    page: str
    line: int
    kind: str
    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    for page in PAGES:
        content = (ROOT / page).read_text(encoding="utf-8")
        for match in _BLOCK.finditer(content):
            line = content.count("\n", 0, match.start("kind")) + 1
            yield Block(page, line, match["kind"], match["text"], match["note"] or "")


BLOCKS = list(blocks())


def of_kind(*kinds: str) -> Any:
    found = [block for block in BLOCKS if block.kind in kinds]
    assert found
    return pytest.mark.parametrize("block", found, ids=str)


def noted(note: str) -> str:
    (block,) = (block for block in BLOCKS if block.note == note)
    return block.text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder that holds the files that the commands read."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "examples" / "front_page.txt").read_text(encoding="utf-8")
    (tmp_path / "page.txt").write_text(page, encoding="utf-8")
    (tmp_path / "bulletin.txt").write_text(_BULLETIN, encoding="utf-8")
    rows = [{"id": f"鹿泷-{i}", "text": text} for i, text in enumerate([_BULLETIN, page])]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "bulletins.jsonl").write_text(noted("file: bulletins.jsonl") + more_rows(), encoding="utf-8")
    (tmp_path / "bulletins.toml").write_text(noted("file: bulletins.toml"), encoding="utf-8")
    (tmp_path / "training").symlink_to(ROOT / "training")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "rows.jsonl").write_text(more_rows() * 60, encoding="utf-8")
    (tmp_path / "villages.tsv").write_text("石湫村\n青樟岭\t山\n", encoding="utf-8")
    return tmp_path


def more_rows() -> str:
    """Return enough rows to learn from, in the format of the two that the page shows."""
    documents = read_marked([ROOT / "training" / "data" / "original" / "w1.jsonl"])
    rows = (
        {
            "id": document.id,
            "text": document.text,
            "topics": document.topics,
            "spans": [{"start": start, "end": end, "label": label} for start, end, label in document.spans or ()],
        }
        for document in documents
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    kinds = {"pycon", "sh", "json", "json lines", "toml", "text"}
    assert [str(block) for block in BLOCKS if block.kind not in kinds] == []
    assert sum(page.count("\n```") for page in map(read, PAGES)) == 2 * len(BLOCKS)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@of_kind("pycon")
def test_python_prints_what_it_says(block: Block, folder: Path) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, str(block), block.page, block.line)
    assert test.examples
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(test, out=report.append)
    assert "".join(report) == ""


@of_kind("sh")
def test_commands_run(block: Block, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in block.text.splitlines():
        match shlex.split(line, comments=True):
            case []:
                pass
            case ["tagger", _, recipe, *_] if block.note == "needs TAGGER_DATA":
                assert Path(recipe).is_file()
            case ["tagger", *argv]:
                assert cli.main(argv) == 0, capsys.readouterr().err
            case ["make", *words]:
                names = {word for word in words if "=" not in word}
                assert names <= targets(), line
            case ["pip", "install", *_]:
                assert set(re.findall(r"\[(.*?)\]", line)) <= set(project()["project"]["optional-dependencies"]), line
            case ["python", "-m", "benchmarks", *_]:
                assert (ROOT / "benchmarks" / "__main__.py").is_file()
            case words:
                pytest.fail(f"{block}: nothing here knows how to check {words[0]!r}")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.note.startswith("output: ")], ids=str)
def test_json_is_what_the_command_writes(block: Block, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, *argv = shlex.split(block.note.removeprefix("output: "))
    assert program == "tagger"
    assert cli.main(argv) == 0
    assert roughly(block.text) == roughly(capsys.readouterr().out)


def roughly(text: str) -> Any:
    """Read JSON with all but the first decimal of probabilities left out: training again moves them."""
    return json.loads(text, parse_float=lambda number: round(float(number), 1))


def test_rows_to_learn_from_point_at_what_they_mean() -> None:
    rows = [json.loads(line) for line in noted("file: bulletins.jsonl").splitlines()]
    surfaces = [row["text"][span["start"] : span["end"]] for row in rows for span in row["spans"]]
    assert surfaces == ["砚川市园林局", "5月8日", "鹿泷县"]


def test_scores_are_those_of_the_shipped_model() -> None:
    path = max((ROOT / "models" / "gov-news").glob("*/manifest.json"))
    scores = json.loads(path.read_text(encoding="utf-8"))["meta"]["scores"]
    table = read("README.md").partition("<!-- scores: gov-news -->\n")[2].partition("\n\n")[0]
    assert table.splitlines()[2:] == list(score_rows(scores))
    assert f"`gov-news` {path.parent.name}: cross-validation over documents in {scores['folds']} folds" in read(
        "README.md"
    )


def test_public_scores_are_those_of_the_results_file() -> None:
    entries = json.loads((ROOT / "benchmarks" / "results" / "spans.json").read_text(encoding="utf-8"))["entries"]
    table = read("README.md").partition("<!-- scores: spans -->\n")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert rows
    for row in rows:
        name, *shown = [cell.strip() for cell in row.strip("|").split("|")][:4]
        for system, cell in zip(("tagger", "tagger-plain", "crfsuite"), shown, strict=True):
            prefix = f"{re.split(r'[ ,]', name)[0].lower()}/{system}/seed"
            seeds = [entry["result"]["f1"] for key, entry in entries.items() if key.startswith(prefix)]
            assert cell == f"{100 * sum(seeds) / len(seeds):.1f}", (name, system)


def score_rows(scores: dict[str, Any]) -> Iterator[str]:
    """Yield the rows that the table must have."""
    topics, spans = scores["topics"], scores["spans"]
    labelled = sum(row["support"] for row in topics["labels"].values())
    yield (
        f"| **topics**, macro-average, {topics['documents']:,} articles | | | **{topics['macro_f1']:.3f}** "
        f"| {labelled:,} |"
    )
    yield from label_rows(topics["labels"])
    labelled = sum(row["support"] for row in spans["labels"].values())
    yield (
        f"| **spans**, micro-average, {spans['documents']:,} articles | {spans['precision']:.3f} "
        f"| {spans['recall']:.3f} | **{spans['f1']:.3f}** | {labelled:,} |"
    )
    yield from label_rows(spans["labels"])


def label_rows(labels: dict[str, Any]) -> Iterator[str]:
    for name, row in labels.items():
        numbers = f"{row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f}"
        yield f"| `{name}` | {numbers} | {row['support']:,} |"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", read(page))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_label_of_the_model_is_explained() -> None:
    import tagger

    model = tagger.load("gov-news")
    explained = set(re.findall(r"^\| `(\w+)` \| [^0-9]", read("README.md"), re.MULTILINE))
    assert explained == {*model.topics, *model.span_labels}
