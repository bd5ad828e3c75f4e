"""Lexicons learned from raw text: strings of one company share clusters, whatever the threads and the chunks."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.errors import ConfigurationError, InputError
from tagger.features.lexicon import Clusters, Gazetteer
from training import _company
from training._company import Neighbour, mutual_information
from training.lexicon import jieba_names, learn_lexicon, make_gazetteer, raw_files, read_gazetteer, read_raw

PEOPLE = ("书记", "市长", "局长", "主任", "县长", "镇长")
PLACES = ("北京", "上海", "天津", "重庆", "广州", "南京")
SMALL: dict[str, Any] = {
    **{"min_count": 5, "min_pair_count": 5, "n_contexts": 50, "n_pair_contexts": 200, "n_dimensions": 8},
    "n_clusters": (2, 3, 4),
}


def sentences(n: int, seed: int = 0) -> Iterator[str]:
    """Make sentences in which titles of office keep one company and cities another."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        if rng.random() < 0.5:
            yield f"{rng.choice(PEOPLE)}主持会议并讲话，{rng.choice(PEOPLE)}强调要落实责任。"
        else:
            yield f"飞往{rng.choice(PLACES)}的航班起飞，{rng.choice(PLACES)}天气晴朗。"


def numbers(clusters: Clusters | None, strings: tuple[str, ...], grain: int = 0) -> list[int]:
    assert clusters is not None
    return clusters.of(Clusters.keys_of(list(strings)))[grain].tolist()


# -- learning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["words", "pairs"])
def test_strings_of_one_company_share_a_cluster(part: str) -> None:
    lexicon = learn_lexicon(sentences(800), **{**SMALL, "n_clusters": (6, 8, 10)})
    clusters = getattr(lexicon, part)
    people, places = numbers(clusters, PEOPLE), numbers(clusters, PLACES)
    assert len(set(people)) == len(set(places)) == 1
    assert people[0] != places[0]
    assert 0 not in people + places
    assert numbers(clusters, ("砚川",)) == [0]


def test_pairs_are_of_letters_and_cross_the_limits_of_words() -> None:
    pairs = learn_lexicon(sentences(300), **SMALL).pairs
    assert 0 not in numbers(pairs, ("持会", "议并", "航班"))
    assert not any(numbers(pairs, ("话，", "，天", "。书", "话。")))


def test_shapes_and_order() -> None:
    lexicon = learn_lexicon(sentences(300), **SMALL)
    for clusters in (lexicon.words, lexicon.pairs):
        assert clusters is not None
        assert clusters.clusters.dtype == np.uint16
        assert clusters.clusters.shape == (3, len(clusters))
        assert (np.diff(clusters.keys.astype(object)) > 0).all()
        for row, n in zip(clusters.clusters, SMALL["n_clusters"], strict=True):
            assert 1 <= row.min() <= row.max() <= n


def test_the_same_again() -> None:
    assert learn_lexicon(sentences(300), **SMALL, random_state=4) == learn_lexicon(
        sentences(300), **SMALL, random_state=4
    )


@pytest.mark.parametrize("size", [1000, 7777])
def test_text_counted_in_chunks_is_as_text_counted_at_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = learn_lexicon(sentences(300), **SMALL)
    monkeypatch.setattr(_company, "_CHUNK", size)
    assert learn_lexicon(sentences(300), **SMALL) == whole


def test_threads_do_not_change_the_clusters() -> None:
    """The environment that decides how sums are split is read at start-up, so each runs in a process of its own."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_lexicon_training import SMALL, learn_lexicon, sentences\n"
        "from hashlib import sha256\n"
        "arrays = learn_lexicon(sentences(200), **SMALL).to_arrays()\n"
        "print(sha256(b''.join(arrays[name].tobytes() for name in sorted(arrays))).hexdigest())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "2")
    ]
    assert found[0] == found[1]


def test_rare_strings_are_left_out() -> None:
    lexicon = learn_lexicon([*sentences(300), "鲲鹏展翅"], **SMALL)
    assert numbers(lexicon.words, ("鲲鹏展翅",)) == [0]
    assert numbers(lexicon.pairs, ("鲲鹏", "展翅")) == [0, 0]


def test_no_string_reaches_from_one_text_into_the_next() -> None:
    """Nothing stands beside a word that is a text of its own, and no pair is made of two texts."""
    lexicon = learn_lexicon([*sentences(200), *["砚", "川"] * 100], **SMALL)
    assert numbers(lexicon.pairs, ("砚川", "川砚", "。砚")) == [0, 0, 0]


def test_texts_are_normalised() -> None:
    wide = (text.replace("主持", "主(zhǔ)持").replace("，", ",") for text in sentences(300))
    assert learn_lexicon(wide, **SMALL) == learn_lexicon(sentences(300), **SMALL)


def test_a_gazetteer_is_taken_in_as_it_is() -> None:
    gazetteer = Gazetteer.from_entries({"砚川": "地名"})
    assert learn_lexicon(sentences(100), **SMALL, gazetteer=gazetteer).gazetteer is gazetteer


def test_too_little_text() -> None:
    with pytest.raises(
        InputError, match="only 0 words stand 20 times in the raw text: give more text, or fewer than 2000"
    ):
        learn_lexicon([])
    with pytest.raises(InputError, match=r"only \d+ words stand 5 times"):
        learn_lexicon(sentences(300), **{**SMALL, "n_clusters": (2, 3, 400)})
    with pytest.raises(InputError, match=r"only \d+ pairs of characters stand 9000 times"):
        learn_lexicon(sentences(300), **{**SMALL, "min_pair_count": 9000})
    for text in ("", "\ud800", "。"):
        with pytest.raises(InputError, match=r"only \d words"):
            learn_lexicon([text])


def test_strings_without_company() -> None:
    with pytest.raises(InputError, match="no two of them stand next to each other"):
        learn_lexicon(["北京", "上海", "天津", "重庆"] * 10, **SMALL)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_count": 0}, "min_count=0: expected a whole number from 1"),
        ({"min_pair_count": 2.5}, "min_pair_count=2.5: expected a whole number"),
        ({"n_dimensions": True}, "n_dimensions=True"),
        ({"n_pair_contexts": 10_001}, "n_pair_contexts=10001: expected at most 10000"),
        ({"n_clusters": (1, 2)}, r"n_clusters=\(1, 2\): expected 3 numbers from 1 to 65535"),
        ({"n_clusters": [1, 2, 65_536]}, "expected 3 numbers"),
        ({"n_clusters": 64}, "n_clusters=64"),
    ],
)
def test_numbers_that_are_out_of_range(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        learn_lexicon(sentences(1), **settings)


# -- mutual information --------------------------------------------------------------------------------------------


def dense(
    items: list[int], contexts: list[int], neighbours: list[Neighbour], n_items: int, n_contexts: int
) -> np.ndarray | None:
    n_blocks = 1 + max(neighbour.block for neighbour in neighbours)
    counts = np.zeros((n_items, n_blocks * n_contexts))
    for i, item in enumerate(items):
        for distance, weight, block in neighbours:
            if item >= 0 and 0 <= i + distance < len(contexts) and contexts[i + distance] >= 0:
                counts[item, block * n_contexts + contexts[i + distance]] += weight
    if not counts.any():
        return None
    smoothed = counts.sum(0) ** 0.75
    smoothed *= counts.sum() / smoothed.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(counts * counts.sum() / np.outer(counts.sum(1), smoothed))
    return np.where(counts > 0, np.maximum(found, 0), 0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 4)), min_size=1, max_size=30),
    st.lists(
        st.builds(
            Neighbour, st.sampled_from([-3, -2, -1, 1, 2, 40]), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 2)
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([1, 7, 1 << 22]),
)
def test_mutual_information_equals_a_dense_table(
    places: list[tuple[int, int]], neighbours: list[Neighbour], chunk: int
) -> None:
    items, contexts = map(list, zip(*places, strict=True))
    expected = dense(items, contexts, neighbours, 4, 5)
    arrays = np.array(items, np.int32), np.array(contexts, np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_company, "_CHUNK", chunk)
        if expected is None:
            with pytest.raises(InputError, match="4 frequent items, but no two"):
                mutual_information(*arrays, neighbours, 4, 5)
            return
        found = mutual_information(*arrays, neighbours, 4, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-5)


# -- raw corpora ---------------------------------------------------------------------------------------------------

ROWS = [
    {"id": "a", "title": "砚川审计", "body": "整改。"},
    {"id": "b", "title": "", "body": "花市𠀋"},
    {"id": "c", "body": "新桥"},
    {"text": "只有正文"},
    {"id": 7, "text": "另有", "title": "标题"},
]
READ = ["砚川审计\n整改。", "花市𠀋", "新桥", "只有正文", "标题\n另有"]


def packed(kind: str) -> bytes:
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
    return {"gz": gzip.compress, "xz": lzma.compress}.get(kind.rpartition(".")[2], bytes)(data)


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.xz", "ndjson", "ndjson.gz"])
def test_raw_texts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"raw.{kind}"
    path.write_bytes(packed(kind))
    assert list(read_raw([path])) == READ
    assert list(read_raw([path, path], exclude={"b", "7"})) == [READ[0], *READ[2:4]] * 2


def test_text_files_in_either_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeff砚川市召开会议".encode())
    (tmp_path / "b.txt").write_bytes("鹿泷县今日召开春耕大会，全县干部参加会议。".encode("gb18030"))
    assert list(read_raw([tmp_path / "b.txt", tmp_path / "a.txt"])) == [
        "鹿泷县今日召开春耕大会，全县干部参加会议。",
        "砚川市召开会议",
    ]


def test_a_folder_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "深" / "处").mkdir(parents=True)
    for name in ("c.txt", "a.jsonl.gz", "深/处/b.txt", "readme.md", "table.csv", "x.txt.gz"):
        (tmp_path / name).write_bytes(packed("gz") if name.endswith(".gz") else b"x")
    assert [file.name for file in raw_files([tmp_path])] == ["a.jsonl.gz", "c.txt", "b.txt"]
    assert list(read_raw([tmp_path])) == [*READ, "x", "x"]


def test_paths_that_hold_no_raw_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl\.xz: no such file"):
        list(read_raw([tmp_path / "none.jsonl.xz"]))
    (tmp_path / "a.csv").write_text("砚川", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv: expected JSON lines \(.jsonl or .ndjson, also .gz or .xz\) or .txt"):
        list(read_raw([tmp_path / "a.csv"]))
    with pytest.raises(InputError, match="this folder holds no raw text; expected JSON lines"):
        list(read_raw([tmp_path]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: not JSON"),
        ('{"id": "a"}', "line 2: field 'body' is missing, expected str"),
        ('{"text": 3}', "line 2: field 'text' is int, expected str"),
        ('{"body": null, "text": "好"}', "line 2: field 'body' is NoneType"),
        ('["好"]', "line 2: expected an object, got list"),
    ],
)
def test_raw_texts_that_are_wrong(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        list(read_raw([path]))


# -- lists of names ------------------------------------------------------------------------------------------------


def names_file(folder: Path, text: str | bytes, name: str = "地名.tsv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_list_of_names(tmp_path: Path) -> None:
    text = "\ufeff鹿泷县\r\n\r\n唐维桢\t人名\r\n  砚川 \t 地 名 \r\n\t\r\n赵\n"
    assert read_gazetteer(names_file(tmp_path, text)) == {
        "鹿泷县": "地名",
        "唐维桢": "人名",
        "砚川": "地 名",
        "赵": "地名",
    }
    assert read_gazetteer(names_file(tmp_path, "")) == {}


def test_quotation_marks_and_other_line_ends_are_part_of_an_entry(tmp_path: Path) -> None:
    assert read_gazetteer(names_file(tmp_path, '"双城"计划\n甲\u2028乙\n')) == {
        '"双城"计划': "地名",
        "甲\u2028乙": "地名",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("鹿泷\n\t地名\n", r"地名\.tsv, line 2: '\\t地名'; expected an entry, or an entry, a tab and its kind"),
        ("鹿泷\t\n", r"line 1: '鹿泷\\t'; expected"),
        ("鹿泷\t地名\t镇\r\n", r"line 1: '鹿泷\\t地名\\t镇'; expected"),
        ("\t甲\n" * 5, r"line 1: .*line 2: .*line 3: '\\t甲' and 2 more; expected"),
    ],
)
def test_lines_that_are_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        read_gazetteer(names_file(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_files_that_are_no_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tsv: no such gazetteer"):
        read_gazetteer(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="is a folder, expected a list of names"):
        read_gazetteer(tmp_path)
    with pytest.raises(InputError, match=r"not UTF-8 \(.* at byte 2\); convert it to UTF-8") as raised:
        read_gazetteer(names_file(tmp_path, "鹿泷县\n".encode("gb18030")))
    assert "\n" not in str(raised.value)


def test_names_of_the_dictionary() -> None:
    names = jieba_names()
    assert names["北京"] == "place"
    assert set(names.values()) == {"person", "place", "body", "name"}
    assert len(names) > 100_000
    assert min(map(len, names)) == 2


def test_lists_are_put_together(tmp_path: Path) -> None:
    first = names_file(tmp_path, "北京\t首都\n砚川(新区)\n")
    second = names_file(tmp_path, "砚川(新区)\t园区\n", "b.tsv")
    gazetteer = make_gazetteer([first, second])
    assert gazetteer is not None
    assert [gazetteer.kind_of(name) for name in ("北京", "砚川(新区)", "上海")] == ["首都", "园区", None]
    assert gazetteer.kind_of("砚川（新区）") == "园区"  # as texts have it once they are normalised
    whole = make_gazetteer([first], with_jieba=True)
    assert whole is not None
    assert [whole.kind_of(name) for name in ("北京", "上海")] == ["首都", "place"]
    assert make_gazetteer([]) is None
    assert make_gazetteer([names_file(tmp_path, "\n", "empty.tsv")]) is None
