from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.errors import ConfigurationError, InputError
from tagger.tables import Row, is_table, read_rows

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def write(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize("name", ["版面.jsonl", "a.NDJSON", "a.csv", "a.tsv", "a.parquet"])
def test_tables_are_known_by_their_suffix(name: str) -> None:
    assert is_table(Path(name))


@pytest.mark.parametrize("name", ["a.txt", "a.json", "jsonl", "a.csv.gz"])
def test_other_files_are_no_tables(name: str) -> None:
    assert not is_table(Path(name))
    with pytest.raises(ConfigurationError, match=r"expected a name in \.jsonl"):
        read_rows(Path(name))


@given(st.lists(TEXTS, max_size=6))
def test_json_lines_give_every_text_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
    path = write(tmp_path_factory.mktemp("rows"), "a.jsonl", lines)
    assert [(row.id, row.text) for row in read_rows(path)] == list(enumerate(texts, start=1))


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6))
def test_csv_gives_every_text_back(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]) -> None:
    import csv

    path = tmp_path_factory.mktemp("rows") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("编号", "正文"), *cells])
    rows = list(read_rows(path, text_field="正文", id_field="编号"))
    assert [(row.id, row.text) for row in rows] == cells


def test_ids_keep_their_type_and_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.jsonl",
        '\ufeff{"id": "鹭-1", "text": "甲"}\r\n\n{"text": "乙", "id": 7}\n{"text": "😀"}\n{"id":null,"text":""}',
    )
    assert list(read_rows(path)) == [Row("鹭-1", "甲", 1), Row(7, "乙", 2), Row(3, "😀", 3), Row(4, "", 4)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "没有完', r"a\.jsonl, line 2: not valid JSON"),
        ('["text"]', r"line 2: expected a JSON object, got a list"),
        ('{"正文": "甲", "id": 3}', r"line 2: no field 'text', there is '正文', 'id'.*--text-field"),
        ("{}", r"line 2: no field 'text', there is none"),
        ('{"text": null}', r"line 2: field 'text' must be a string, got null"),
        ('{"text": 5}', r"must be a string, got a number"),
        ('{"text": ["甲"]}', r"must be a string, got a list"),
        ('{"text": "甲", "id": true}', r"field 'id' must be a string or a whole number, got true"),
        ('{"text": "甲", "id": 1.5}', r"got a number"),
        ('{"text": "甲", "score": NaN}', r"NaN is not JSON"),
        ("[" * 100_000, r"line 2: (nested too deeply|not valid JSON)"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path, "a.jsonl", f'{{"text": "鹭洲市"}}\n{line}\n{{"text": "砚川县"}}\n')
    rows = read_rows(path)
    assert next(rows).text == "鹭洲市"
    with pytest.raises(InputError, match=message):
        next(rows)


def test_bad_rows_can_be_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", b'{"text": "\xe7\x94\xb2"}\n{\n{"text": "\xff"}\n{"text": "\xe4\xb9\x99"}')
    errors: list[InputError] = []
    rows = list(read_rows(path, on_error=errors.append))
    assert [(row.id, row.text) for row in rows] == [(1, "甲"), (4, "乙")]
    assert "line 2" in str(errors[0])
    assert "line 3: not UTF-8 at byte 10 of the line (0xff)" in str(errors[1])


def test_a_named_id_field_must_be_there(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "甲"}\n')
    with pytest.raises(InputError, match=r"line 1: no id in field 'key'"):
        list(read_rows(path, id_field="key"))


def test_csv_quotes_line_feeds_and_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'id,text\r\n1,"鹭洲市,\n砚川县 ""新"""\r\n\r\n2,\r\n')
    assert list(read_rows(path)) == [Row("1", '鹭洲市,\n砚川县 "新"', 1), Row("2", "", 2)]


def test_tsv(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "text\t版次\n鹭洲市,砚川县\t1\n")
    assert list(read_rows(path)) == [Row(1, "鹭洲市,砚川县", 1)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("标题,正文\n甲,乙\n", r"a\.csv, line 1: no column 'text', the header has '标题', '正文'"),
        ("text,text\n甲,乙\n", r"line 1: 2 columns 'text'"),
        ("id,text\n1,鹭洲市,砚川县\n", r"line 2: 3 columns, but the header has 2; is a comma not quoted"),
        ('id,text\n1,"鹭洲市\n2,砚川县\n', r"not valid CSV .*is a quote left open"),
        (b"text\n\xff\xff\n", r"neither UTF-8 \(byte 5 does not fit\) nor GB18030"),
    ],
)
def test_a_bad_csv_is_named(tmp_path: Path, data: str | bytes, message: str) -> None:
    path = write(tmp_path, "a.csv", data)
    with pytest.raises(InputError, match=message):
        list(read_rows(path))


def test_csv_in_gb18030_is_read_and_said(tmp_path: Path) -> None:
    text = "鹭洲市汀兰区" * 200_000  # more than one chunk of bytes, characters cut between them
    path = write(tmp_path, "a.csv", f"text\n{text}\n".encode("gb18030"))
    notes: list[str] = []
    assert [row.text for row in read_rows(path, on_note=notes.append)] == [text]
    assert "GB18030" in notes[0]


def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    text = "砚" * 3_500_000
    path = write(tmp_path, "a.csv", f"text\n{text}\n")
    assert [len(row.text) for row in read_rows(path)] == [3_500_000]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
@pytest.mark.parametrize("data", ["", "\n\n"])
def test_an_empty_table_has_no_rows(tmp_path: Path, name: str, data: str) -> None:
    assert list(read_rows(write(tmp_path, name, data))) == []


def parquet(folder: Path, columns: dict[str, list[object]]) -> Path:
    pa = pytest.importorskip("pyarrow", reason="Parquet needs the extra tagger[tables]")
    import pyarrow.parquet as pq

    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_rows_keep_their_ids_over_batches(tmp_path: Path) -> None:
    n = 700
    path = parquet(tmp_path, {"id": list(range(n)), "text": [f"第{i}版" for i in range(n)], "other": [None] * n})
    rows = list(read_rows(path))
    assert [(row.id, row.text, row.number) for row in rows] == [(i, f"第{i}版", i + 1) for i in range(n)]


def test_parquet_without_the_column(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"正文": ["甲"]})
    with pytest.raises(InputError, match=r"no column 'text', the table has '正文'"):
        list(read_rows(path))


def test_parquet_with_null_and_numbers(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["甲", None]})
    with pytest.raises(InputError, match=r"a\.parquet, row 2: field 'text' must be a string, got null"):
        list(read_rows(path))


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs the extra tagger[tables]")
    with pytest.raises(InputError, match="not a Parquet file that can be read"):
        list(read_rows(write(tmp_path, "a.parquet", "鹭洲日报")))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r'pip install "tagger\[tables\]"'):
        list(read_rows(write(tmp_path, "a.parquet", "")))


def test_a_table_is_not_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    line = json.dumps({"text": "鹭" * 10_000}, ensure_ascii=False) + "\n"
    path = write(tmp_path, "a.jsonl", line * 300)  # 9 MB
    tracemalloc.start()
    count = sum(1 for _ in read_rows(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300
    assert peak < 1_000_000
