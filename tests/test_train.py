from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tagger
from tagger import artifact, cli
from tagger.errors import ConfigurationError
from tagger.pipeline import Model
from training import evaluate, train
from training.card import write_card
from training.corpus import Document
from training.evaluate import cross_validate, evaluate_model, report
from training.fit import Prepared, fit_topics, make_lexicon, prepare
from training.recipe import Recipe, read_recipe

ROOT = Path(__file__).resolve().parent.parent
MORE = """
[[data]]
kind = "marked"
files = ["more.jsonl"]
judged = false
"""
RECIPE = f"""
name = "tiny"
version = "{{version}}"
seed = 0
folds = 2
description = "A model that is made to be tested."

[[data]]
kind = "marked"
files = ["articles.jsonl"]
{MORE}
[vectorizer]
min_df = 2
ngram_range = [2, 2]

[topics]
cv = 2

[spans]
max_iter = 2

[card]
annotated = "写来试验的文章。"
limits = "不可实用。"
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of 30 invented articles, of which 6 are only learned from."""
    folder = tmp_path_factory.mktemp("recipe")
    lines = []
    for path in sorted((ROOT / "training" / "data" / "original").glob("*.jsonl")):
        lines += path.read_text(encoding="utf-8").splitlines()[:20:2]
    (folder / "articles.jsonl").write_text("\n".join(lines[:24]) + "\n", encoding="utf-8")
    (folder / "more.jsonl").write_text("\n".join(lines[24:]) + "\n", encoding="utf-8")
    (folder / "tiny.toml").write_text(RECIPE.format(version="1.0.0"), encoding="utf-8")
    return folder / "tiny.toml"


@pytest.fixture(scope="session")
def trained(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model that the recipe makes."""
    shelf = tmp_path_factory.mktemp("models")
    train.run(tiny, output=shelf)
    return shelf / "tiny" / "1.0.0"


@pytest.fixture(scope="session")
def prepared(tiny: Path) -> tuple[Recipe, Prepared]:
    recipe = read_recipe(tiny)
    return recipe, prepare(recipe)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---- a model comes out -----------------------------------------------------------------------------------------------


def test_the_model_reads(trained: Path) -> None:
    model = tagger.load(trained)
    assert (model.id.name, model.id.version) == ("tiny", "1.0.0")
    assert model.topics == ["audit", "elections", "industrial_parks", "party_building"]
    assert "PERSON" in model.span_labels
    page = model.read((ROOT / "examples" / "front_page.txt").read_text(encoding="utf-8"))
    assert any(article.topics for article in page.articles)
    assert any(article.spans for article in page.articles)


def test_confidences_are_adjusted_by_the_folds(trained: Path) -> None:
    spans = artifact.load(trained).meta["spans"]
    assert 0 < spans["threshold"] < 1
    assert len(spans["calibration"]) == 2


def test_what_the_manifest_says(trained: Path, prepared: tuple[Recipe, Prepared]) -> None:
    meta = artifact.load(trained).meta
    assert meta["description"] == "A model that is made to be tested."
    assert meta["recipe"] == "tiny.toml"
    assert meta["data"] == {"documents": 30, "sha256": prepared[1].fingerprint()}
    assert meta["scores"]["topics"]["documents"] == meta["scores"]["spans"]["documents"] == 24
    assert set(meta["libraries"]) >= {"numpy", "scikit-learn", "numba"}
    text = (trained / "manifest.json").read_text(encoding="utf-8")
    assert str(trained.parent) not in text
    assert not re.search(r"20\d\d-\d\d-\d\d[T ]\d\d:", text)


def test_the_card_says_what_a_person_should_know(trained: Path) -> None:
    card = (trained / "README.md").read_text(encoding="utf-8")
    scores = artifact.load(trained).meta["scores"]
    assert card.startswith("# tiny 1.0.0\n\nA model that is made to be tested.\n")
    for said in ("写来试验的文章。", "不可实用。", 'tagger.load("tiny")', "2 folds", "tagger evaluate", "tiny.toml"):
        assert said in card
    assert "30 annotated articles, of which 24 count in the scores." in card
    for part in ("topics", "spans"):
        for label, row in scores[part]["labels"].items():
            assert (
                f"| {label} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {row['support']} |"
                in card
            )
    assert f"macro-F1 {scores['topics']['macro_f1']:.3f} on 24 documents" in card


def test_a_card_without_spans(prepared: tuple[Recipe, Prepared]) -> None:
    recipe, data = prepared
    card = write_card(
        recipe, data, {"topics": {"documents": 1, "macro_f1": 1.0, "labels": {}, "calibration_error": 0.0}}
    )
    assert "macro-F1 1.000 on 1 documents" in card
    assert "Spans (start" not in card


def test_the_same_bytes_again_and_with_two_processes(tiny: Path, trained: Path, tmp_path: Path) -> None:
    train.run(tiny, output=tmp_path / "two", n_jobs=2)
    assert content(tmp_path / "two" / "tiny" / "1.0.0") == content(trained)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name, data in content(tiny.parent).items():
        (moved / name).write_bytes(data)
    train.run(moved / "tiny.toml", output=tmp_path / "again")
    assert content(tmp_path / "again" / "tiny" / "1.0.0") == content(trained)


def test_the_report(tiny: Path, tmp_path: Path, trained: Path) -> None:
    shown = report(artifact.load(trained).meta["scores"])
    lines = shown.splitlines()
    assert lines[0].split() == ["topics", "precision", "recall", "F1", "support"]
    assert lines[1].split()[0] == "macro"
    assert any(line.split()[:1] == ["PERSON"] for line in lines)
    assert sum("expected calibration error" in line for line in lines) == 2


@pytest.mark.parametrize("kept", ["topics", "spans"])
def test_a_table_with_topics_or_spans_alone(
    tmp_path: Path, original_documents: list[Document], monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    rows = []
    for document in original_documents[::3]:
        spans = [{"start": start, "end": end, "label": label} for start, end, label in document.spans or ()]
        rows.append({"id": document.id, "text": document.text, kept: document.topics if kept == "topics" else spans})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = RECIPE.format(version="2.0.0").replace("articles.jsonl", "rows.jsonl").replace(MORE, "")
    (tmp_path / "tiny.toml").write_text(text.replace('"marked"', '"table"'), encoding="utf-8")
    shown = train.run(tmp_path / "tiny.toml", output=tmp_path)
    folder = tmp_path / "tiny" / "2.0.0"
    assert shown.endswith(f"saved {folder}")
    model = tagger.load(folder)
    assert (bool(model.topics), bool(model.span_labels)) == (kept == "topics", kept == "spans")
    assert set(artifact.load(folder).meta["scores"]) == {"folds", kept}
    assert set(evaluate_model(str(folder), tmp_path / "rows.jsonl")) == {kept}


def test_topics_that_are_only_learned_from_do_not_count(
    prepared: tuple[Recipe, Prepared],
) -> None:
    recipe, data = prepared
    documents = [replace(d, topics=("posters",)) if not data.judged[i] else d for i, d in enumerate(data.documents)]
    scores, _ = cross_validate(recipe, replace(data, documents=documents, spans=[None] * 30), None)
    assert set(scores["topics"]["labels"]) == {"audit", "elections", "industrial_parks", "party_building"}


# ---- nothing comes out -----------------------------------------------------------------------------------------------


def test_a_version_that_exists_stops_before_any_work(
    tiny: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "train", lambda *args, **kwargs: pytest.fail("work was done"))
    before = content(trained)
    with pytest.raises(ConfigurationError, match="is there already: give the recipe a new version"):
        train.run(tiny, output=trained.parent.parent)
    assert content(trained) == before


def test_an_interrupt_while_saving_leaves_nothing(
    tiny: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def interrupted(path: Path, data: bytes) -> None:
        if written:
            raise KeyboardInterrupt
        path.write_bytes(data)
        written.append(path)

    model = tagger.load(trained)
    monkeypatch.setattr(train, "train", lambda *args, **kwargs: (model, {"README.md": "x"}))
    monkeypatch.setattr(artifact, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.run(tiny, output=tmp_path)
    assert written
    assert content(tmp_path) == {}
    assert list((tmp_path / "tiny").iterdir()) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_killed_in_the_middle(tiny: Path, tmp_path: Path, end: signal.Signals) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        tiny.read_text(encoding="utf-8")
        .replace("max_iter = 2", "max_iter = 5000")
        .replace('files = ["', f'files = ["{tiny.parent}/'),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "tagger", "train", str(recipe), "--output", str(tmp_path / "models")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        assert any("pass 2" in line for line in process.stderr)
        process.send_signal(end)
        rest = process.stderr.read()
        assert process.wait(timeout=20) != 0
    assert "Traceback" not in rest
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["train", "none.toml"], "none.toml: no such recipe"),
        (["train", "."], "is a folder, expected a recipe"),
        (["train", "empty.toml"], "entry 'name' is missing"),
        (["train", "tiny.toml", "--n-jobs", "0"], "n_jobs=0: expected"),
        (["evaluate", "none.toml"], "none.toml: no such recipe"),
        (["evaluate", "tiny.toml", "x.jsonl"], "give either a recipe, or a model and its data"),
        (["evaluate", "tiny"], "give the annotated data to score"),
        (["evaluate", "{model}", "none.jsonl"], "none.jsonl: No such file"),
        (["evaluate", "{model}", "none.csv"], "none.csv: no such file"),
        (["evaluate", "{model}", "empty.jsonl"], "empty"),
        (["evaluate", "{model}", "bare.jsonl"], "no annotation that"),
        (["evaluate", "nowhere", "bare.jsonl"], "no model 'nowhere'"),
    ],
)
def test_errors_on_the_command_line(
    tiny: Path,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.toml").touch()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "bare.jsonl").write_text('{"text": "砚川市"}\n', encoding="utf-8")
    (tmp_path / "tiny.toml").write_bytes(tiny.read_bytes())
    for name in ("articles.jsonl", "more.jsonl"):
        (tmp_path / name).write_bytes((tiny.parent / name).read_bytes())
    assert cli.main([word.replace("{model}", str(trained)) for word in argv]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tagger: error: ")]
    assert len(error) == 1
    assert said in error[0]


# ---- from documents to parts -----------------------------------------------------------------------------------------


def test_documents_are_prepared_as_pages_are(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        json.dumps(
            {
                "id": "a",
                "topics": [],
                "marked": "审计整改\n⟦PLACE|砚(yàn)川市⟧召开审计工作会议,部署⟦TIME|下一阶\n段⟧工作。",
            }
        )
        + "\n"
        + json.dumps({"id": "b", "topics": [], "marked": "审计整改\n砚川市召开审计工作会议,部署下一阶段工作。"})
        + "\n",
        encoding="utf-8",
    )
    (tmp_path / "r.toml").write_text(
        RECIPE.format(version="1.0.0").replace("articles.jsonl", "rows.jsonl").replace(MORE, ""),
        encoding="utf-8",
    )
    data = prepare(read_recipe(tmp_path / "r.toml"))
    assert data.texts[0] == data.texts[1] == "审计整改\n砚川市召开审计工作会议，部署下一阶段工作。"
    assert [data.texts[0][start:end] for start, end, _ in data.spans[0] or ()] == ["砚川市", "下一阶段"]
    assert data.spans[1] == ()
    assert data.groups.tolist() == [0, 0]
    assert data.judged.tolist() == data.has_topics.tolist() == data.has_spans.tolist() == [True, True]


def test_the_fingerprint(prepared: tuple[Recipe, Prepared]) -> None:
    _, data = prepared
    turned = Prepared(data.documents[::-1], data.texts, data.spans, data.judged, data.groups)
    fewer = Prepared(data.documents[1:], data.texts, data.spans, data.judged, data.groups)
    assert turned.fingerprint() == data.fingerprint() != fewer.fingerprint()


def test_documents_that_do_not_count_are_learned_from(prepared: tuple[Recipe, Prepared]) -> None:
    recipe, data = prepared
    assert data.judged.tolist() == [True] * 24 + [False] * 6
    _, with_more = fit_topics(recipe, data, np.arange(30))
    _, without = fit_topics(recipe, data, np.arange(24))
    assert with_more.out_of_fold_.shape == without.out_of_fold_.shape == (24, 4)
    assert not np.array_equal(with_more.coef_, without.coef_)


def test_no_document_is_judged_by_a_model_that_saw_it(
    prepared: tuple[Recipe, Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data = prepared
    seen: list[set[int]] = []
    asked: list[str] = []

    class Parrot:
        classes_ = ("audit",)

        def judge(self, texts: list[str], spans: Any) -> None:
            assert not {data.texts[i] for i in seen[-1]} & set(texts)

        def adjust(self, *others: Any) -> Parrot:
            assert len(others) == 1
            return self

        def predict(self, texts: list[str]) -> list[list[Any]]:
            asked.extend(texts)
            return [[] for _ in texts]

    monkeypatch.setattr(
        evaluate, "fit_topics", lambda r, d, chosen: seen.append(set(chosen.tolist())) or fit_topics(r, d, chosen)
    )
    monkeypatch.setattr(evaluate, "fit_spans", lambda r, d, chosen, lexicon, name: Parrot())
    scores, _ = cross_validate(recipe, data, None)
    assert sorted(asked) == sorted(data.texts[:24])
    assert len(seen) == 2
    for chosen in seen:
        groups = {int(data.groups[i]) for i in chosen}
        assert not groups & {int(data.groups[i]) for i in range(30) if i not in chosen}
    assert scores["topics"]["documents"] == 24
    assert scores["spans"]["recall"] == 0.0


def test_documents_open_to_doubt_are_scored_apart(prepared: tuple[Recipe, Prepared]) -> None:
    recipe, data = prepared
    doubtful = [replace(d, is_open=i < 4) for i, d in enumerate(data.documents)]
    scores, _ = cross_validate(recipe, replace(data, documents=doubtful, spans=[None] * 30), None)
    assert scores["topics"]["documents"] == 24
    assert scores["topics_without_open"]["documents"] == 20
    assert "spans" not in scores


def test_a_lexicon_of_a_model(prepared: tuple[Recipe, Prepared], trained: Path, gov_news: Model) -> None:
    recipe, data = prepared
    assert make_lexicon(recipe, data) is None
    assert make_lexicon(replace(recipe, lexicon={"model": str(gov_news.path)}), data) == gov_news._lexicon
    with pytest.raises(ConfigurationError, match="has no lexicon"):
        make_lexicon(replace(recipe, lexicon={"model": str(trained)}), data)


def test_a_lexicon_leaves_annotated_documents_out(prepared: tuple[Recipe, Prepared], tmp_path: Path) -> None:
    recipe, data = prepared
    rows = [{"id": d.id, "title": "泄漏", "body": "泄漏" * 30} for d in data.documents]
    rows += [{"id": f"x{i}", "body": "砚川市委书记主持召开审计工作会议"} for i in range(30)]
    (tmp_path / "raw.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = {"corpora": [str(tmp_path / "*.jsonl")], "n_clusters": [2, 2, 3], "n_dimensions": 3}
    settings |= {"min_pair_count": 20}
    lexicon = make_lexicon(replace(recipe, lexicon=settings), data)
    assert lexicon is not None
    for clusters in (lexicon.words, lexicon.pairs):
        found = clusters.of(clusters.keys_of(["会议", "泄漏"]))
        assert (found[:, 0] > 0).all()
        assert (found[:, 1] == 0).all()


# ---- scoring a model -------------------------------------------------------------------------------------------------


def test_a_model_scored_on_marked_articles(trained: Path, tiny: Path) -> None:
    scores = evaluate_model(str(trained), tiny.parent / "articles.jsonl")
    assert scores["topics"]["documents"] == scores["spans"]["documents"] == 24
    assert scores["topics"]["macro_f1"] > 0.9  # it learned from these
    assert scores["spans"]["f1"] > 0.5
    shown = evaluate.run(str(trained), data=str(tiny.parent / "articles.jsonl"))
    assert shown == report(scores)


def test_a_model_scored_by_hand(trained: Path, tmp_path: Path) -> None:
    """Gold that is the model's own answer, but for one span: offsets must be those of the caller's text."""
    model = tagger.load(trained)
    text = "  审计整改\n砚川(chuān)市审计局局长苏砚秋6月3日在鹿泷县主持召开审计工作会议,要求整改到位。"
    article = model.read_article(text)
    spans = [{"start": s.start, "end": s.end, "label": s.label} for s in article.spans]
    assert spans
    rows = [{"text": text, "topics": [t.label for t in article.topics], "spans": spans[1:]}]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]) + "\n", encoding="utf-8")
    scores = evaluate_model(str(trained), tmp_path / "rows.jsonl")
    assert scores["spans"]["recall"] == (1.0 if spans[1:] else 0.0)
    assert scores["spans"]["precision"] == round((len(spans) - 1) / len(spans), 4)


def test_a_recipe_is_cross_validated(tiny: Path, trained: Path) -> None:
    assert evaluate.run(str(tiny)) == report(artifact.load(trained).meta["scores"])
