"""Readers of the public span sets: every format on invented lines, and the real sets against their published counts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.span_sets import NEEDS_DATA, SETS, SpanSet, load_set, outermost
from tagger.errors import InputError

PLACE = (0, 3, "PLACE")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")


def columns(tagged: str, separator: str) -> str:
    """Write ``字/TAG 字/TAG|…`` as a column file."""
    sentences = [sentence.split() for sentence in tagged.split("|")]
    return "\n\n".join("\n".join(separator.join(t.rsplit("/", 1)) for t in tokens) for tokens in sentences) + "\n"


def test_cluener_ends_are_made_exclusive(tmp_path: Path) -> None:
    row = {"text": "砚川市的鹿泷县", "label": {"address": {"鹿泷县": [[4, 6]], "砚川市": [[0, 2]]}}}
    for part in ("train.json.gz", "dev.json.gz"):
        write(tmp_path / "cluener2020" / part, json.dumps(row, ensure_ascii=False) + "\n")
    data = load_set("cluener", tmp_path)
    assert data.train == [("砚川市的鹿泷县", ((0, 3, "address"), (4, 7, "address")))]
    assert data.dev == [] and data.test == data.train and data.clean == [False]


def test_resume_reads_bmes_and_orphans(tmp_path: Path) -> None:
    tagged = "砚/B-ORG 川/M-ORG 市/E-ORG 长/S-TITLE|泷/M-ORG 县/E-ORG 。/O"
    for part in ("train.char.bmes.gz", "dev.char.bmes", "test.char.bmes"):
        write(tmp_path / "resume" / part, columns(tagged, " "))
    examples = load_set("resume", tmp_path).test
    assert examples == [("砚川市长", ((0, 3, "ORG"), (3, 4, "TITLE"))), ("泷县。", ((0, 2, "ORG"),))]


def test_weibo_takes_off_word_positions(tmp_path: Path) -> None:
    tagged = "砚0/B-GPE.NAM 川1/I-GPE.NAM \ufffd\ufffd0/O e12/O 他0/B-PER.NOM 她0/B-PER.NOM"
    for part in ("train.gz", "dev", "test"):
        write(tmp_path / "weibo" / f"weiboNER_2nd_conll.{part}", columns(tagged, "\t"))
    text, spans = load_set("weibo", tmp_path).test[0]
    assert text == "砚川\ufffd\ufffde他她"
    assert spans == ((0, 2, "GPE.NAM"), (5, 6, "PER.NOM"), (6, 7, "PER.NOM"))


def test_msra_tokens_are_entities_and_may_hold_a_slash(tmp_path: Path) -> None:
    for part in ("train.txt.gz", "test_label.txt.gz"):
        write(tmp_path / "msra" / f"sighan46k.{part}", "砚川/ns 鹿泷/ns １/２/o 苏砚秋/nr\n\n")
    expected = ("砚川鹿泷１/２苏砚秋", ((0, 2, "LOC"), (2, 4, "LOC"), (7, 10, "PER")))
    assert load_set("msra", tmp_path).test == [expected]


def test_uner_spreads_tags_of_words(tmp_path: Path) -> None:
    lines = "# text = 砚川市很大\n1\t砚川市\tB-LOC\t-\t-\n2\t很大\tO\t-\t-\n"
    for part in ("train", "dev", "test"):
        write(tmp_path / "uner_zh_gsdsimp" / f"zh_gsdsimp-ud-{part}.iob2.gz", lines)
    assert load_set("uner", tmp_path).test == [("砚川市很大", ((0, 3, "LOC"),))]


def test_peoples_daily_joins_names_and_times_and_takes_the_outermost(tmp_path: Path) -> None:
    folder = tmp_path / "peoples_daily_1998"
    line = "1-1/m  [砚川/ns  电视台/n]nt  苏/nr  砚秋/nr  欧阳/nr  牧野/nr  唐维/nr  李/nr  九月/t  六日/t  来/v"
    write(folder / "pd1998.txt.gz", line + "\n")
    held_out = columns("鹿/B-LOC 泷/I-LOC", "\t") + "\n" + columns("。/O", "\t")
    for part in ("dev", "test"):
        write(folder / f"nerpy_people.{part}.char.bio.tsv.gz", held_out)
    data = load_set("peoples_daily", tmp_path)
    text, spans = data.train[0]
    found = [(text[start:end], label) for start, end, label in spans]
    people = [("苏砚秋", "PER"), ("欧阳牧野", "PER"), ("唐维", "PER"), ("李", "PER")]
    assert found == [("砚川电视台", "ORG"), *people, ("九月六日", "TIME")]
    assert [text for text, _ in data.test] == ["鹿泷", "。"]


def test_policy_folds_keep_documents_whole(tmp_path: Path) -> None:
    entities = [["砚川市", "地区", [0, 2]], ["砚川市科技局", "部门", [0, 5]], ["", "时间", [0, -1]]]
    rows = [{"sid": f"{i // 3}_{i}", "sentence": "砚川市科技局印发", "entity_list": entities} for i in range(30)]
    write(tmp_path / "policy_zh" / "entity.json.gz", json.dumps(rows, ensure_ascii=False))
    data = load_set("policy", tmp_path)
    assert data.train[0][1] == ((0, 3, "地区"), (0, 6, "部门"))
    assert len(data.rounds()) == 5
    assert len(set(zip(data.groups, data.folds, strict=True))) == len(set(data.groups)) == 10


def test_invented_articles_need_no_data() -> None:
    data = load_set("invented", Path("nowhere"))
    rounds = data.rounds()
    assert sum(len(part.test) for part in rounds) == len(data.train)
    for part in rounds:
        assert not {text for text, _ in part.test} & {text for text, _ in part.train}
        assert not {text for text, _ in part.tune_dev} & {text for text, _ in part.tune_train}
        assert len(part.tune_train) + len(part.tune_dev) == len(part.train)
    assert all(0 <= start < end <= len(text) for text, spans in data.train for start, end, _ in spans)


def test_unjudged_examples_are_learned_from_but_never_tested() -> None:
    examples = [(f"砚川市第{i}号", (PLACE,)) for i in range(20)]
    folds = [i % 2 for i in range(20)]
    data = SpanSet("x", examples, [], [], [str(i) for i in range(20)], folds, [i < 10 for i in range(20)])
    tested = [text for part in data.rounds() for text, _ in part.test]
    assert sorted(tested) == sorted(text for text, _ in examples[:10])
    assert examples[10] in data.rounds()[1].train


def test_without_a_dev_part_a_tenth_is_held_out_and_equal_texts_stay_together() -> None:
    data = SpanSet("x", [(f"鹿泷县{i % 50}", (PLACE,)) for i in range(100)], [], [("砚川市", (PLACE,))])
    (part,) = data.rounds()
    assert len(part.tune_dev) == 10 and not set(part.tune_dev) & set(part.tune_train)
    assert len(part.train) == 100


def test_a_set_survives_json_with_lone_surrogates() -> None:
    data = SpanSet("x", [("砚\ud800川𠮷", ((0, 2, "PLACE"),))], [], [], ["a"], [0], [True], "note")
    again = SpanSet.from_json(data.to_json())
    assert again == data and again.fingerprint == data.fingerprint


def test_the_fingerprint_follows_the_data() -> None:
    one = SpanSet("x", [("砚川市", (PLACE,))], [], [])
    other = SpanSet("x", [("砚川市", ((0, 2, "PLACE"),))], [], [])
    assert one.fingerprint != other.fingerprint


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6), st.sampled_from(["甲", "乙"])), max_size=8))
def test_outermost_is_flat_and_leaves_nothing_out_without_cause(drawn: list[tuple[int, int, str]]) -> None:
    spans = [(start, start + length, label) for start, length, label in drawn]
    flat = outermost(spans)
    assert all(one[1] <= other[0] for one, other in pairwise(flat))
    for start, end, _ in spans:
        assert any(first < end and start < last and last - first >= end - start for first, last, _ in flat)
    assert set(flat) <= set(spans) and outermost(flat) == flat


def test_unknown_and_missing_sets_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'conll' is no span set: choose from cluener"):
        load_set("conll", tmp_path)
    with pytest.raises(InputError, match=r"set 'weibo': no file .*weiboNER_2nd_conll"):
        load_set("weibo", tmp_path)


PUBLISHED = {
    "cluener": (10_748, 0, 1_343, 23_971, 3_072, 0),
    "resume": (3_821, 463, 477, 13_440, 1_630, 5),
    "weibo": (1_350, 270, 270, 1_895, 418, 40),
    "msra": (46_364, 0, 4_365, 74_703, 6_181, 0),
    "uner": (3_997, 500, 500, 6_118, 763, 0),
    "peoples_daily": (19_484, 1_038, 4_477, 69_323, 7_346, 0),
    "policy": (323, 0, 0, 763, 0, 0),
}
"""Examples of train, dev and test; spans of train and test; test texts that stand in train."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_real_sets_have_the_published_counts(name: str, shared: Path) -> None:
    data = load_set(name, shared / "datasets" / "ner")
    spans = [sum(len(found) for _, found in part) for part in (data.train, data.test)]
    sizes = [len(data.train), len(data.dev), len(data.test), *spans, data.clean.count(False)]
    assert tuple(sizes) == PUBLISHED[name]
    for text, found in (*data.train, *data.dev, *data.test):
        assert all(0 <= start < end <= len(text) for start, end, _ in found)


def test_real_people_of_january_1998_are_joined_as_its_readme_counts_them(shared: Path) -> None:
    data = load_set("peoples_daily", shared / "datasets" / "ner")
    counts = Counter(label for _, spans in data.train for *_, label in spans)
    assert (counts["PER"], counts["LOC"], counts["ORG"]) == (19_997, 22_427, 10_834)


def test_every_set_is_listed_once() -> None:
    assert {*PUBLISHED, "gov-news"} == NEEDS_DATA == set(SETS) - {"invented"}
