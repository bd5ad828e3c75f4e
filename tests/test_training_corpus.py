from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.errors import AnnotationError, InputError
from training.corpus import Document, data_folder, parse_marked, read_marked, read_standoff, read_table

TEXT = "砚川市审计整改\n鹿泷县𠀋委召开会议。"


def write(path: Path, *rows: Any) -> Path:
    lines = "".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(lines, encoding="utf-8")
    return path


# ---- marks -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text("砚川市，|\n𠀋", max_size=4), st.sampled_from((None, "ORG", "PLACE")))))
def test_marks_come_apart_as_they_were_put_together(pieces: list[tuple[str, str | None]]) -> None:
    marked, text, spans = "", "", []
    for piece, label in pieces:
        if label and piece:
            spans.append((len(text), len(text) + len(piece), label))
            marked += f"⟦{label}|{piece}⟧"
        else:
            marked += piece
        text += piece
    assert parse_marked(marked) == (text, tuple(spans))


def test_marked_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {"id": "w-1", "topics": ["audit"], "marked": "⟦PLACE|砚川市⟧审计整改"},
        "\n",
        {"id": "w-2", "topics": [], "marked": "花市𠀋⟦TIME|今日⟧开市"},
    )
    assert read_marked([path]) == [
        Document("w-1", "砚川市审计整改", ("audit",), ((0, 3, "PLACE"),)),
        Document("w-2", "花市𠀋今日开市", (), ((3, 5, "TIME"),)),
    ]


def test_the_articles_of_the_repository(original_documents: list[Document]) -> None:
    assert len({document.id for document in original_documents}) == len(original_documents)
    for document in original_documents:
        assert document.spans
        assert all(document.text[start:end].strip() for start, end, _ in document.spans)
        assert not re.search("[⟦⟧]", document.text)


@pytest.mark.parametrize(
    "marked",
    ["⟦PLACE|砚川市", "砚川市⟧", "⟦EVENT|⟦PLACE|砚川⟧大会⟧", "⟦ORG|⟧", "⟦|砚川⟧", "⟦PLACE砚川⟧", "⟦PLACE|砚⟦川⟧"],
)
def test_marks_that_do_not_close(tmp_path: Path, marked: str) -> None:
    path = write(
        tmp_path / "a.jsonl", {"id": "1", "topics": [], "marked": "好"}, {"id": "2", "topics": [], "marked": marked}
    )
    with pytest.raises(AnnotationError, match=re.escape(f"{path}, line 2: a mark is not closed or stands in another")):
        read_marked([path])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"topics": [], "marked": "好"}, "field 'id' is missing, expected str"),
        ({"id": 3, "topics": [], "marked": "好"}, "field 'id' is int, expected str"),
        ({"id": "a", "marked": "好"}, "field 'topics' is missing, expected list"),
        ({"id": "a", "topics": "audit", "marked": "好"}, "field 'topics' is str, expected list"),
        ({"id": "a", "topics": ["audit", 3], "marked": "好"}, "field 'topics' is ['audit', 3], expected a list of str"),
        ({"id": "a", "topics": [], "text": "好"}, "field 'marked' is missing, expected str"),
        (["a"], "expected an object, got list"),
        ("{'id': 1}\n", "not JSON (Expecting property name enclosed in double quotes, column 2)"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, row: Any, said: str) -> None:
    path = write(tmp_path / "a.jsonl", "\n", row)
    with pytest.raises(InputError, match=re.escape(f"{path}, line 2: {said}")):
        read_marked([path])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.jsonl: no such file"):
        read_marked([tmp_path / "missing.jsonl"])
    with pytest.raises(InputError, match="cannot be read"):
        read_marked([tmp_path])
    (tmp_path / "gb.jsonl").write_bytes('{"id": "1", "topics": [], "marked": "砚川"}\n'.encode("gb18030"))
    with pytest.raises(InputError, match=r"gb\.jsonl, after line 0: not UTF-8"):
        read_marked([tmp_path / "gb.jsonl"])
    whole = gzip.compress(b'{"id": "1", "topics": [], "marked": "x"}\n' * 50)
    for name, data in (("cut", whole[:-12]), ("none", b"{}\n"), ("bad", whole[:14] + b"\xff" * 40 + whole[54:])):
        path = tmp_path / f"{name}.jsonl.gz"
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf"{name}\.jsonl\.gz, after line \d+: cannot be read"):
            read_marked([path])


# ---- stand-off -------------------------------------------------------------------------------------------------------


def annotation(**changes: Any) -> dict[str, Any]:
    row = {
        "id": "a-1",
        "sha256": sha256(TEXT.encode()).hexdigest(),
        "topics": ["audit"],
        "spans": [{"start": 0, "end": 3, "label": "PLACE"}, {"start": 8, "end": 13, "label": "ORG"}],
    }
    return {name: value for name, value in {**row, **changes}.items() if value is not ...}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl.gz"
    rows = ({"id": "a-1", "text": TEXT}, {"id": "a-2", "text": "花市"})
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def test_standoff(tmp_path: Path, texts: Path) -> None:
    path = write(
        tmp_path / "gold.jsonl",
        annotation(),
        annotation(id="a-2", sha256=sha256("花市".encode()).hexdigest(), topics=[], spans=..., open=True),
    )
    assert read_standoff([path], texts) == [
        Document("a-1", TEXT, ("audit",), ((0, 3, "PLACE"), (8, 13, "ORG"))),
        Document("a-2", "花市", (), None, True),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (annotation(id="a-3"), "no text with id 'a-3' in"),
        (annotation(sha256="0" * 64), "is not the one that was annotated (sha256)"),
        (annotation(sha256=...), "is not the one that was annotated (sha256)"),
        (annotation(topics=None), "field 'topics' is NoneType, expected list"),
        (annotation(spans=3), "field 'spans' is int, expected list"),
        (annotation(spans=[[0, 3, "ORG"]]), "spans[0]: expected an object with start, end and label, got list"),
        (annotation(spans=[{"start": 0, "label": "ORG"}]), "spans[0]: field 'end' is missing, expected int"),
        (annotation(spans=[{"start": "0", "end": 3, "label": "ORG"}]), "spans[0]: field 'start' is str, expected int"),
        (
            annotation(spans=[{"start": 0, "end": 3, "label": None}]),
            "spans[0]: field 'label' is NoneType, expected str",
        ),
        (annotation(spans=[{"start": 3, "end": 3, "label": "ORG"}]), "span [3, 3) ORG is empty or leaves its text"),
        (annotation(spans=[{"start": -1, "end": 3, "label": "ORG"}]), "span [-1, 3) ORG is empty or leaves its text"),
        (annotation(spans=[{"start": 0, "end": 99, "label": "ORG"}]), f"leaves its text of {len(TEXT)} characters"),
        (
            annotation(spans=[{"start": 2, "end": 5, "label": "B"}, {"start": 0, "end": 3, "label": "A"}]),
            "span [2, 5) B overlaps the one before it",
        ),
    ],
)
def test_standoff_that_does_not_fit(tmp_path: Path, texts: Path, row: Any, said: str) -> None:
    path = write(tmp_path / "gold.jsonl", annotation(), row)
    with pytest.raises(InputError, match=re.escape(f"{path}, line 2") + ".*" + re.escape(said)):
        read_standoff([path], texts)


def test_the_gold_annotations_fit_their_texts(shared: Path) -> None:
    texts = shared / "corpora" / "gold" / "texts.jsonl.gz"
    if not texts.is_file():
        pytest.skip(f"no gold texts here: {texts} is missing")
    gold = Path(__file__).resolve().parent.parent / "training" / "data" / "gold"
    documents = read_standoff(sorted(gold.glob("*.jsonl")), texts)
    assert len(documents) == len({document.id for document in documents}) == 3055
    assert sum(document.spans is not None for document in documents) == 1349


# ---- tables ----------------------------------------------------------------------------------------------------------

ROWS = [
    {"id": "r1", "text": TEXT, "topics": ["audit", "elections"], "spans": [{"start": 0, "end": 3, "label": "PLACE"}]},
    {"id": "r2", "text": "花市今日开市", "topics": [], "spans": []},
    {"id": "r3", "text": "新桥合龙", "topics": None, "spans": None},
]
READ = [
    Document("r1", TEXT, ("audit", "elections"), ((0, 3, "PLACE"),)),
    Document("r2", "花市今日开市", (), ()),
    Document("r3", "新桥合龙"),
]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what `datasets` caches inside the test, and the network out of it."""
    import datasets
    import huggingface_hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.mark.usefixtures("cache")
def test_json_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert read_table(str(write(tmp_path / "rows.jsonl", *ROWS))) == READ
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("cache")
def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert read_table(str(tmp_path / "rows.parquet")) == READ


@pytest.mark.usefixtures("cache")
def test_csv_with_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('正文,主题\n砚川市审计整改,audit\n"花市，\n今日开市",\n', encoding="utf-8")
    assert read_table(str(path), text="正文", topics="主题") == [
        Document("1", "砚川市审计整改", ("audit",)),
        Document("2", "花市，\n今日开市"),
    ]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"body": "花市"}], "no column 'text'; it has body"),
        ([{"text": "花市"}, {"text": None}], "row 2: field 'text' is NoneType, expected str"),
        ([{"text": 7}], "row 1: field 'text' is int, expected str"),
        ([{"text": "花市", "topics": 3}], "row 1: field 'topics' is 3, expected a list of str"),
        ([{"text": "花市", "spans": "ORG"}], "row 1: field 'spans' is str, expected a list"),
        ([{"text": "花市", "spans": [{"start": 0, "end": 9, "label": "ORG"}]}], "span [0, 9) ORG is empty or leaves"),
        ([{"text": "花市", "spans": [{"start": 0, "stop": 2}]}], "row 1, spans[0]: field 'end' is missing"),
        (['{"text": "花'], "cannot be read as json"),
        ([], "the file is empty"),
    ],
)
def test_tables_that_are_wrong(tmp_path: Path, rows: list[Any], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", *rows)
    with pytest.raises(InputError, match=re.escape(str(path)) + ".*" + re.escape(said)):
        read_table(str(path))
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("cache")
def test_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv: no such file"):
        read_table(str(tmp_path / "nowhere.csv"))
    with pytest.raises(InputError, match="nobody/nothing: cannot be read as a data set of the hub"):
        read_table("nobody/nothing")


def test_tables_are_read_without_a_network(tmp_path: Path) -> None:
    """In a process of its own: nothing is printed, nothing is cached outside the folder that the user named."""
    write(tmp_path / "rows.jsonl", *ROWS)
    code = "from training.corpus import read_table; print(len(read_table('rows.jsonl')))"
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("3\n", "")
    assert any((tmp_path / "hf").rglob("*.arrow"))


# ---- where the real documents are ------------------------------------------------------------------------------------


def test_the_folder_of_real_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("TAGGER_DATA", str(tmp_path / "missing"))
    assert data_folder() is None
