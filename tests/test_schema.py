from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from fake_model import FakeModel
from jsonschema import Draft202012Validator

from tagger import _predict, cli

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "prediction.schema.json").read_text(encoding="utf-8"))
EXAMPLE = Path(__file__).parent.parent / "examples" / "front_page.txt"


def validator(definition: str | None = None) -> Draft202012Validator:
    schema = SCHEMA if definition is None else {"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}
    return Draft202012Validator(schema)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "鹭洲市审计"}\n{"id": "乙", "text": ""}\n', encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_predict, "_load_model", lambda reference: FakeModel())


def output(capsys: pytest.CaptureFixture[str], *argv: str) -> list[Any]:
    assert cli.main(["predict", *argv, "--format", "jsonl"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("as_", ["page", "article"])
def test_files(capsys: pytest.CaptureFixture[str], as_: str) -> None:
    (record,) = output(capsys, str(EXAMPLE), "--as", as_)
    validator().validate(record)
    assert any(article["spans"] for article in record["articles"])
    assert any(article["topics"] for article in record["articles"])


@pytest.mark.parametrize("as_", ["page", "article"])
def test_rows(capsys: pytest.CaptureFixture[str], rows: str, as_: str) -> None:
    records = output(capsys, rows, "--as", as_)
    assert [record["id"] for record in records] == [1, "乙"]
    for record in records:
        validator(f"{as_}_row").validate(record)
        assert not validator().is_valid(record)


def test_json_for_several_files_is_an_array_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", str(EXAMPLE), str(EXAMPLE), "--format", "json"]) == 0
    for record in json.loads(capsys.readouterr().out):
        validator().validate(record)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.update(extra=1),
        lambda record: record.pop("path"),
        lambda record: record.update(n_chars=-1),
        lambda record: record["articles"][0].update(kind="advert"),
        lambda record: record["articles"][0].update(body="正文"),
        lambda record: record["articles"][0]["ranges"].append([1]),
        lambda record: record["articles"][0]["ranges"].append([1, 2, 3]),
        lambda record: record["articles"][0]["ranges"].append([1, 2.5]),
        lambda record: record["articles"][0]["topic_scores"].update(audit=1.5),
        lambda record: record["articles"][0]["spans"][0].update(text=""),
        lambda record: record["articles"][0]["spans"][0].pop("confidence"),
        lambda record: record["model"].pop("version"),
    ],
)
def test_the_schema_refuses_what_it_does_not_define(spoil: Any) -> None:
    record = FakeModel().read("鹭洲市").to_dict("a.txt")
    validator().validate(record)
    spoiled = copy.deepcopy(record)
    spoil(spoiled)
    assert not validator().is_valid(spoiled)
