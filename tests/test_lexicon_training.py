from __future__ import annotations

import gzip
import json
import lzma
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tagger.errors import InputError
from tagger.features.lexicon import WordClusters
from training.lexicon import learn_clusters, read_raw

PEOPLE = ("书记", "市长", "局长", "主任", "县长", "镇长")
PLACES = ("北京", "上海", "天津", "重庆", "广州", "南京")
SMALL = {"min_count": 5, "n_contexts": 50, "n_dimensions": 8, "n_clusters": (2, 3, 4)}


def sentences(n: int, seed: int = 0) -> Iterator[str]:
    """Make sentences in which titles of office keep one company and cities another."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        if rng.random() < 0.5:
            yield f"{rng.choice(PEOPLE)}主持会议并讲话，{rng.choice(PEOPLE)}强调要落实责任。"
        else:
            yield f"飞往{rng.choice(PLACES)}的航班起飞，{rng.choice(PLACES)}天气晴朗。"


def clusters(lexicon: WordClusters, words: tuple[str, ...], grain: int) -> list[int]:
    return lexicon.clusters_of(WordClusters.keys_of(list(words)))[grain].tolist()


def test_words_of_one_company_share_a_cluster() -> None:
    lexicon = learn_clusters(sentences(800), **{**SMALL, "n_clusters": (4, 6, 8)})
    people, places = clusters(lexicon, PEOPLE, 0), clusters(lexicon, PLACES, 0)
    assert len(set(people)) == len(set(places)) == 1
    assert people[0] != places[0]
    assert 0 not in people + places
    assert clusters(lexicon, ("砚川",), 0) == [0]


def test_shapes_and_order() -> None:
    lexicon = learn_clusters(sentences(300), **SMALL)
    assert lexicon.clusters.dtype == np.uint16
    assert lexicon.clusters.shape == (3, len(lexicon))
    assert (np.diff(lexicon.keys.astype(object)) > 0).all()
    for row, n in zip(lexicon.clusters, SMALL["n_clusters"], strict=True):
        assert 1 <= row.min() <= row.max() <= n


def test_the_same_again() -> None:
    first, second = (learn_clusters(sentences(300), **SMALL, random_state=4) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(first.clusters, second.clusters)


def test_rare_words_are_left_out() -> None:
    texts = [*sentences(300), "鲲鹏展翅"]
    lexicon = learn_clusters(texts, **SMALL)
    assert clusters(lexicon, ("鲲鹏展翅",), 0) == [0]


def test_texts_are_normalised() -> None:
    wide = (text.replace("主持", "主(zhǔ)持").replace("，", ",") for text in sentences(300))
    assert learn_clusters(wide, **SMALL) == learn_clusters(sentences(300), **SMALL)


def test_too_few_words() -> None:
    with pytest.raises(
        InputError, match="only 0 words stand 20 times in the raw text: give more text, or fewer than 2000"
    ):
        learn_clusters([])
    with pytest.raises(InputError, match=r"only \d+ words stand 5 times"):
        learn_clusters(sentences(300), **{**SMALL, "n_clusters": (2, 3, 400)})


def test_words_without_company() -> None:
    with pytest.raises(InputError, match="no two of them stand next to each other"):
        learn_clusters(["北京", "上海", "天津", "重庆"] * 10, **SMALL)


# ---- raw corpora -----------------------------------------------------------------------------------------------------

ROWS = [
    {"id": "a", "title": "砚川审计", "body": "整改。"},
    {"id": "b", "title": "", "body": "花市𠀋"},
    {"id": "c", "body": "新桥"},
]


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.xz"])
def test_raw_texts(tmp_path: Path, kind: str) -> None:
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
    packed = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.xz": lzma.compress}[kind](data)
    path = tmp_path / f"raw.{kind}"
    path.write_bytes(packed)
    assert list(read_raw([path, path], exclude={"b"})) == ["砚川审计\n整改。", "新桥"] * 2
    assert next(read_raw([path])) == "砚川审计\n整改。"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: not JSON"),
        ('{"id": "a"}', "line 2: field 'body' is missing, expected str"),
        ('{"body": "好"}', "line 2: field 'id' is missing, expected str"),
    ],
)
def test_raw_texts_that_are_wrong(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        list(read_raw([path]))


def test_no_such_raw_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(read_raw([tmp_path / "none.jsonl.xz"]))


def test_threads_do_not_change_the_clusters() -> None:
    """The environment that decides how sums are split is read at start-up, so each runs in a process of its own."""
    import subprocess
    import sys

    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_lexicon_training import SMALL, learn_clusters, sentences\n"
        "from hashlib import sha256\n"
        "print(sha256(learn_clusters(sentences(200), **SMALL).clusters.tobytes()).hexdigest())"
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
