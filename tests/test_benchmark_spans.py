"""The span benchmark: scores against counts by hand and seqeval, peers' attributes, a whole run."""

from __future__ import annotations

import argparse
import doctest
import importlib
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import _ledger, _measure, spans
from benchmarks._crfsuite import same_templates, tags_to_ranges, usual_templates
from benchmarks._growth import articles
from benchmarks._ledger import Ledger
from benchmarks._page import write_page
from benchmarks._scores import (
    ERROR_CLASSES,
    ScoreMismatchError,
    bootstrap_interval,
    check_with_seqeval,
    error_classes,
    leaks,
    mentions,
    score,
)
from benchmarks._summary import Bar, bars, summary
from benchmarks._systems import SYSTEMS, build
from benchmarks.span_sets import Round, outermost
from tagger.crf.scheme import bioes_tags, spans_to_tags
from tagger.errors import ConfigurationError, InputError
from tagger.features.templates import DEFAULT_TEMPLATES, compile_templates, template_keys, text_streams
from tagger.text.segmenter import Segmenter

MODULES = ("_crfsuite", "_growth", "_ledger", "_scores", "span_sets")
TEXT = "9月6日，砚川市审计局局长苏砚秋到鹿泷县调研AI产业园𠮷。"
EXAMPLES = [
    ("砚川市的鹿泷县", ((0, 3, "PLACE"), (4, 7, "PLACE"))),
    ("苏砚秋来了", ((0, 3, "PERSON"),)),
    ("无", ()),
]


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    spans.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"benchmarks.{name}")).failed == 0


# Scores


def test_scores_are_those_counted_by_hand() -> None:
    found = score(EXAMPLES, [[(0, 3, "PLACE"), (4, 6, "PLACE")], [(0, 3, "PLACE")], []])
    assert found["precision"] == pytest.approx(1 / 3) and found["recall"] == pytest.approx(1 / 3)
    assert found["labels"]["PERSON"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert found["labels"]["PLACE"]["precision"] == pytest.approx(1 / 3)
    assert found["interval"][0] <= found["f1"] <= found["interval"][1]


ranges = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from(["地", "人"])).map(
        lambda one: (one[0], min(9, one[0] + one[1]), one[2])
    ),
    max_size=4,
).map(outermost)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(ranges, ranges), min_size=1, max_size=4))
def test_strict_scores_agree_with_seqeval(drawn: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
    pytest.importorskip("seqeval")
    check_with_seqeval([("砚川市鹿泷县苏砚秋", gold) for gold, _ in drawn], [found for _, found in drawn])


def test_a_difference_to_seqeval_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("seqeval")
    monkeypatch.setattr("benchmarks._scores._prf", lambda counts: {"precision": 0.5, "recall": 1.0, "f1": 0.75})
    with pytest.raises(ScoreMismatchError, match=r"strict precision is 0\.5 by our count but 1\.0 by seqeval's"):
        check_with_seqeval(EXAMPLES[:1], [EXAMPLES[0][1]])


def test_nested_annotations_are_checked_by_their_outermost() -> None:
    pytest.importorskip("seqeval")
    check_with_seqeval([("砚川市审计局", ((0, 3, "PLACE"), (0, 6, "ORG")))], [[(0, 6, "ORG")]])


def test_the_interval_is_the_bootstraps() -> None:
    counts = np.array([[1, 2, 1], [0, 1, 2], [3, 3, 3], [1, 1, 2]])
    # Oracle: every way to draw 4 of 4 examples, each as likely as another.
    f1s = []
    for drawn in itertools.product(range(4), repeat=4):
        hits, n_found, n_gold = counts[list(drawn)].sum(axis=0)
        f1s.append(2 * hits / (n_found + n_gold))
    assert bootstrap_interval(counts) == pytest.approx(np.percentile(f1s, [2.5, 97.5]), abs=0.03)
    assert bootstrap_interval(counts) == bootstrap_interval(counts)
    assert bootstrap_interval(np.empty((0, 3), np.int64)) == [0.0, 0.0]


def test_every_annotated_span_has_one_fate() -> None:
    text = "砚川市鹿泷县苏砚秋砚川"
    gold = (*((i, i + 2, "PLACE") for i in range(0, 10, 2)), (10, 11, "ORG"))
    found = [(0, 2, "PLACE"), (2, 4, "ORG"), (4, 5, "PLACE"), (6, 9, "ORG"), (9, 10, "ORG")]
    counts = error_classes([(text, gold)], [found], {(text[0:2], "PLACE"), (text[10:11], "ORG")})
    assert [counts[name] for name in ERROR_CLASSES] == [1, 1, 1, 2, 1, 0]
    assert (counts["spurious"], counts["seen"], counts["right, seen"]) == (0, 2, 1)
    nothing = error_classes([(text, ())], [[(0, 2, "PLACE")]], set())
    assert nothing["spurious"] == 1 and sum(nothing.values()) == 1


def test_leaks_count_texts_and_mentions() -> None:
    train = [EXAMPLES[0]]
    part = Round(train, [EXAMPLES[0], ("砚川市与苏砚秋", ((0, 3, "PLACE"), (4, 7, "PERSON")))], [], [])
    assert leaks([part]) == {"texts": 0.5, "mentions": 0.75, "n_texts": 1}
    assert mentions(train) == {("砚川市", "PLACE"), ("鹿泷县", "PLACE")}


# Peers


@pytest.mark.parametrize("text", [TEXT, "砚", "。。。", "鹿泷县\n\n砚川市", "\ud800砚川𠮷", "会" * 300])
def test_the_peers_strings_tell_apart_what_our_keys_tell_apart(text: str) -> None:
    boundaries = Segmenter().boundaries(text)
    keys = template_keys(*text_streams(text, boundaries), *compile_templates(DEFAULT_TEMPLATES), 0, len(text))
    rows = same_templates()(text)
    assert len(rows) == len(text) and {len(row) for row in rows} == {len(DEFAULT_TEMPLATES)}
    pairs = set(zip(itertools.chain(*rows), keys.ravel().tolist(), strict=True))
    assert len(pairs) == len({attribute for attribute, _ in pairs}) == len({key for _, key in pairs})


def test_usual_templates_name_the_window() -> None:
    first, *_, last = usual_templates()("砚川A1")
    assert {"c0=砚", "c-1=<s>", "c1c2=川A", "t0=letter", "t-1=edge"} <= set(first)
    assert {"c0=1", "c-2c-1=川A", "t0=digit", "t1=edge"} <= set(last)
    assert usual_templates()("") == []


@given(st.lists(st.sampled_from(bioes_tags(["地", "人"])), max_size=12))
def test_illegal_tags_are_read_as_spans_in_order(tags: Sequence[str]) -> None:
    found = list(tags_to_ranges(tags))
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
    covered = {i for start, end, _ in found for i in range(start, end)}
    assert covered == {i for i, tag in enumerate(tags) if tag != "O"}


@given(ranges)
def test_legal_tags_are_read_as_written(gold: tuple[tuple[int, int, str], ...]) -> None:
    assert tuple(tags_to_ranges(spans_to_tags(gold, 12))) == gold


@pytest.mark.parametrize("name", [name for name in SYSTEMS if not SYSTEMS[name].missing])
def test_every_installed_system_learns_a_little(name: str) -> None:
    examples = [
        ("鹿泷县委召开会议。", ((0, 4, "ORG"),)),
        ("砚川市委书记来了", ((0, 4, "ORG"), (4, 6, "POSITION"))),
    ] * 12
    competitor = build(name, {"n_epochs": 60} if name == "spacy" else dict(SYSTEMS[name].grid[-1]), seed=0)
    competitor.fit([*examples, ("", ())])
    assert competitor.ranges(competitor.tag(["鹿泷县委召开会议。", ""])) == [[(0, 4, "ORG")], []]
    assert competitor.facts()["model_bytes"] > 0


def test_levers_are_ours_alone() -> None:
    with pytest.raises(ConfigurationError, match="levers are taken from 'tagger', not from 'crfsuite'"):
        build("crfsuite", {}, seed=0, lever="lexicon")


# Measuring


def test_the_peak_can_be_reset() -> None:
    _measure.reset_peak()
    before = _measure.peak_memory()
    block = np.ones(8 * 2**20)  # 64 MB
    assert _measure.peak_memory() > before + 50
    del block
    _measure.reset_peak()
    if Path("/proc/self/clear_refs").exists():
        assert _measure.peak_memory() < before + 50


def test_tuning_does_not_look_at_test() -> None:
    train = [(f"砚川市第{i}号文件", ((0, 3, "PLACE"),)) for i in range(20)]
    job = {"system": "tagger-plain", "grid": [{"max_iter": 1}, {"max_iter": 8}], "characters": 10**6}
    result = _measure.measure_tuning(job, [Round([], [], train[:15], train[15:])])
    assert result["picked"] == [{"max_iter": 8}] or result["f1"][0] == result["f1"][1]


def test_smaller_shares_are_parts_of_larger_ones() -> None:
    examples = [(f"鹿泷县{i}", ()) for i in range(64)]
    quarter, half = (set(_measure._share(examples, share)) for share in (0.25, 0.5))
    assert len(quarter) == 16 and quarter < half < set(examples)
    assert len(_measure._share(examples, 0.001)) == 1


def test_invented_articles_never_repeat() -> None:
    made = list(itertools.islice(articles([(TEXT, ()), ("砚川市召开大会。鹿泷县开园。", ())]), 50))
    assert len(set(made)) == 50


def test_a_results_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "spans.json"
    ledger = Ledger(path)
    ledger.add("weibo/tagger/seed0", {"grid": ({"a": 1},)}, {"f1": 0.5}, ["numpy"])
    again = Ledger(path)
    assert again.find("weibo/tagger/seed0", {"grid": ({"a": 1},)}, ["numpy"]) == {"f1": 0.5}
    assert again.find("weibo/tagger/seed0", {"grid": ({"a": 2},)}, ["numpy"]) is None
    assert again.find("weibo/tagger/seed0", {"grid": ({"a": 1},)}, ["numpy", "numba"]) is None
    assert list(again.results("weibo/tagger/seed")) == [("0", {"f1": 0.5})]
    assert [file.name for file in path.parent.iterdir()] == ["spans.json"]


def test_results_of_another_machine_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spans.json"
    Ledger(path).write()
    monkeypatch.setattr(_ledger, "_processor", lambda: "Abacus 9")
    with pytest.raises(InputError, match="results of another machine"):
        Ledger(path)
    assert Ledger(path, writable=False).entries == {}


@pytest.mark.parametrize("content", ["", "[]", '{"format": 99}', "砚川"])
def test_other_files_are_no_results(content: str, tmp_path: Path) -> None:
    path = tmp_path / "spans.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="give --json another file"):
        Ledger(path)


# The command


def test_missing_data_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setenv("TAGGER_DATA", str(tmp_path))
    assert spans.run(parse("--sets", "weibo,invented", "--json", str(tmp_path / "spans.json"))) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "the data of weibo is missing: set TAGGER_DATA" in error


def test_unknown_names_are_refused(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        parse("--peers", "crf++")
    assert "'crf++' is unknown: choose from crfsuite" in capsys.readouterr().err


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Results of a quick run without data, what it printed, and what the second one did."""
    import contextlib
    import io
    import os

    path = tmp_path_factory.mktemp("runs") / "spans.json"
    printed = []
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    for more in ((), ("--ablation",)):
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
            patch.setenv("TAGGER_DATA", str(path.parent))
            patch.setattr(spans, "LEVERS", {"lexicon": None} if more else {})
            assert spans.run(parse("--quick", "--json", str(path), *more)) == 0
        printed.append(out.getvalue())
    if affinity is not None:
        os.sched_setaffinity(0, affinity)
    return path, printed[0], printed[1]


def test_a_quick_run_measures_and_the_next_goes_on(quick: tuple[Path, str, str]) -> None:
    path, first, second = quick
    assert "invented (part)/tagger/seed0: F1" in first and "there already" not in first
    assert "invented (part)/tagger/seed0: there already" in second
    assert "invented (part)/tagger/without-lexicon/seed0: F1" in second
    row = summary(Ledger(path), "invented (part)", "tagger")
    assert row is not None and row["seeds"] == 1 and row["train_seconds"] > 0 and row["peak_mb"] > row["base_mb"] > 10
    assert sum(row["errors"][name] for name in ERROR_CLASSES) == sum(r["support"] for r in row["labels"].values())


def test_results_hold_no_text(quick: tuple[Path, str, str]) -> None:
    content = json.loads(quick[0].read_text(encoding="utf-8"))
    notes = {facts.pop("note") for facts in content["sets"].values()}
    assert notes and json.dumps(content, ensure_ascii=False).isascii()


def test_the_page_is_made_from_the_file_alone(quick: tuple[Path, str, str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shutil.copy(quick[0], tmp_path / "spans.json")
    page = write_page(Ledger(tmp_path / "spans.json", writable=False), tmp_path / "page")
    text = page.read_text(encoding="utf-8")
    assert "| invented (part) | `tagger` |" in text and "## What each lever brings" in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (page.parent / line.partition("](")[2].rstrip(")")).is_file()
    again = write_page(Ledger(tmp_path / "spans.json", writable=False), tmp_path / "again")
    for one in page.parent.iterdir():
        assert one.read_bytes() == (again.parent / one.name).read_bytes()


def entry(f1: float, seconds: float, rate: float) -> dict[str, Any]:
    costs = {"train_seconds": seconds, "optimize_seconds": seconds / 2, "tag_characters_per_second": rate}
    scores = {"precision": f1, "recall": f1, "f1": f1, "clean_f1": f1, "interval": [f1, f1], "labels": {}}
    return {**scores, **costs, "errors": {}, "n_test": 1, "n_clean": 1}


def test_bars_compare_means_and_ratios(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "spans.json")
    ledger.content["sets"]["resume"] = {}
    for seed, f1 in enumerate((0.95, 0.96)):
        ledger.add(f"resume/tagger/seed{seed}", {}, entry(f1, 1.0, 700.0), [])
    ledger.add("resume/tagger/without-lexicon/seed0", {}, entry(0.1, 1.0, 700.0), [])
    ledger.add("resume/tagger-plain/seed0", {}, entry(0.94, 2.0, 700.0), [])
    ledger.add("resume/crfsuite/seed0", {}, entry(0.93, 15.0, 100.0), [])
    found = {bar.name: bar for bar in bars(ledger)}
    assert found["resume: strict F1"].value == pytest.approx(95.5) and found["resume: strict F1"].is_met
    training = found["resume: training, times faster than crfsuite"]
    assert training.value == pytest.approx(7.5) and not training.is_met
    assert found["resume: F1 minus crfsuite's, same templates"].value == pytest.approx(1.0)
    assert found["resume: tagging, times faster than crfsuite"].value == pytest.approx(7.0)
    assert Bar("x", 8.0, 8.0).is_met
