from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_lexicon_training import sentences

from tagger.artifact import Artifact, save
from tagger.errors import ConfigurationError, InputError
from tagger.features.lexicon import Gazetteer, Lexicon
from training.fit import make_lexicon, prepare
from training.recipe import read_recipe

ROOT = Path(__file__).resolve().parent.parent
RECIPE = """
name = "tiny"
version = "1.0.0"
seed = 0
folds = 2
description = "试验"

[[data]]
kind = "marked"
files = ["rows.jsonl"]
"""
ROW = '{"id": "%s", "topics": ["audit"], "marked": "⟦PLACE|砚川市⟧审计整改"}\n'


def recipe(folder: Path, text: str = RECIPE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "training" / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_repository(path: Path) -> None:
    read = read_recipe(path)
    assert read.name == path.stem
    assert read.n_folds == 5
    assert set(read.card) == {"annotated", "limits"}


def test_the_demo_needs_the_repository_alone() -> None:
    documents = read_recipe(ROOT / "training" / "recipes" / "demo.toml").documents()
    assert len(documents) == 106
    assert all(judged for _, judged in documents)


def test_all_that_a_recipe_says(tmp_path: Path) -> None:
    text = RECIPE + "judged = false\n[topics]\nC = 1.0\n[spans]\nmax_iter = 3\n[vectorizer]\nngram_range = [2, 2]\n"
    path = recipe(tmp_path, text)
    (tmp_path / "rows.jsonl").write_text(ROW % "甲", encoding="utf-8")
    read = read_recipe(path)
    assert (read.name, read.version, read.seed, read.n_folds, read.description) == ("tiny", "1.0.0", 0, 2, "试验")
    assert (read.topics, read.spans, read.vectorizer) == ({"C": 1.0}, {"max_iter": 3}, {"ngram_range": [2, 2]})
    assert (read.lexicon, read.card) == ({}, {})
    ((document, judged),) = read.documents()
    assert (document.id, judged) == ("甲", False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "tiny"\n', "", "entry 'name' is missing, expected str"),
        ('"1.0.0"', "1.0", "entry 'version' is 1.0, expected str"),
        ("seed = 0", "seed = true", "entry 'seed' is True, expected int"),
        ("folds = 2", "folds = 2.5", "entry 'folds' is 2.5, expected int"),
        ("folds = 2", "folds = 1", "entry 'folds' is 1, expected at least 2"),
        ('"tiny"', '"../tiny"', "entry 'name' is '../tiny', expected small letters"),
        ('"tiny"', '"砚川"', "entry 'name' is '砚川', expected small letters"),
        ('"1.0.0"', '"1.0"', "entry 'version' is '1.0', expected major.minor.patch"),
        ("seed = 0", "seed = 0\nsede = 1", "unknown entry 'sede'; known are name, version, seed"),
        ("seed = 0", "seed = 0\ntopics = 3", "entry 'topics' is 3, expected a table [topics]"),
        ('[[data]]\nkind = "marked"\nfiles = ["rows.jsonl"]', "data = []", "no [[data]]"),
        ('[[data]]\nkind = "marked"\nfiles = ["rows.jsonl"]', "data = [1]", "[[data]] number 1 needs kind (one of"),
        ('"marked"', '"xml"', "[[data]] number 1 needs kind (one of marked, standoff, table) and files"),
        ('["rows.jsonl"]', '"rows.jsonl"', "[[data]] number 1 needs kind"),
        ('["rows.jsonl"]', "[3]", "[[data]] number 1: files hold 3, expected paths"),
        ('["rows.jsonl"]', '["rows.jsonl"]\nfile = 1', "[[data]] number 1: unknown entry 'file'"),
        ('["rows.jsonl"]', '["rows.jsonl"]\njudged = "no"', "entry 'judged' is 'no', expected bool"),
        ('["rows.jsonl"]', '["rows.jsonl"]\ntexts = 3', "entry 'texts' is 3, expected str"),
        ('["rows.jsonl"]', '["rows.jsonl"]\ncolumns = {body = "b"}', "unknown column 'body'; known are text"),
        ('["rows.jsonl"]', '["rows.jsonl"]\n[topics]\nc = 1', "unknown entry 'c' in [topics]; known are C, cv, nb_C"),
        ('["rows.jsonl"]', '["rows.jsonl"]\n[spans]\nepochs = 1', "unknown entry 'epochs' in [spans]"),
        ('["rows.jsonl"]', '["rows.jsonl"]\n[spans]\nrandom_state = 1', "unknown entry 'random_state' in [spans]"),
        ('["rows.jsonl"]', '["rows.jsonl"]\n[lexicon]\ncorpus = []', "unknown entry 'corpus' in [lexicon]"),
        *(
            ('["rows.jsonl"]', f'["rows.jsonl"]\n[lexicon]\n{table}', f"[lexicon]: {said}")
            for table, said in (
                ("model = 3", "entry 'model' is 3, expected str"),
                ('corpora = "raw/*.txt"', "entry 'corpora' is 'raw/*.txt', expected list"),
                ("corpora = [3]", "corpora hold 3, expected paths"),
                ("corpora = []", "corpora name no file; leave the entry out"),
                ('gazetteers = "村名.tsv"', "entry 'gazetteers' is '村名.tsv', expected list"),
                ("gazetteers = []", "gazetteers name no file"),
                ("jieba_names = 1", "entry 'jieba_names' is 1, expected bool"),
                ('model = "a"\ncorpora = ["b"]', "'model' and 'corpora' exclude each other"),
                ("min_count = 5", "'min_count' goes with 'corpora'"),
                ('model = "a"\nn_clusters = [1, 2, 3]', "'n_clusters' goes with 'corpora'"),
                ('corpora = ["b"]\nmin_pair_count = 0', "min_pair_count=0: expected a whole number"),
                ('corpora = ["b"]\nn_clusters = [1, 2]', "n_clusters=[1, 2]: expected 3 numbers"),
            )
        ),
        ('["rows.jsonl"]', '["rows.jsonl"]\n[card]\nlimit = ""', "unknown entry 'limit' in [card]"),
    ],
)
def test_entries_that_are_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in RECIPE
    path = recipe(tmp_path, RECIPE.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=re.escape(f"{path}: ") + ".*" + re.escape(said)):
        read_recipe(path)


@pytest.mark.parametrize(
    "table",
    [
        {"model": "my-lexicon", "gazetteers": ["村名.tsv"]},
        {"corpora": ["raw"], "min_count": 5, "min_pair_count": 5, "n_contexts": 9, "n_pair_contexts": 9}
        | {"n_dimensions": 2, "n_clusters": [1, 2, 3], "gazetteers": ["村名.tsv", "../*.tsv"], "jieba_names": True},
        {"gazetteers": ["村名.tsv"]},
        {"jieba_names": True},
    ],
    ids=lambda table: "+".join(table),
)
def test_all_that_a_lexicon_may_be(tmp_path: Path, table: dict[str, Any]) -> None:
    entries = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in table.items())
    assert read_recipe(recipe(tmp_path, f"{RECIPE}\n[lexicon]\n{entries}\n")).lexicon == table


def test_lexicons_that_recipes_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(entries: str) -> Lexicon | None:
        read = read_recipe(recipe(tmp_path / "recipes", f"{RECIPE}\n[lexicon]\n{entries}\n"))
        return make_lexicon(read, prepare(read))

    monkeypatch.setenv("TAGGER_MODELS", str(tmp_path / "models"))
    for folder, name, text in (
        ("recipes", "rows.jsonl", ROW % "甲"),
        ("recipes", "村名.tsv", "苇塘村\n"),
        ("raw", "a.txt", "\n".join(sentences(100))),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(text, encoding="utf-8")
    names = Gazetteer.from_entries({"苇塘村": "村名"})
    assert make("") is None
    assert make('gazetteers = ["*.tsv"]') == Lexicon(gazetteer=names)
    with_jieba = make('gazetteers = ["村名.tsv"]\njieba_names = true')
    assert with_jieba is not None and with_jieba.gazetteer is not None
    assert [with_jieba.gazetteer.kind_of(name) for name in ("苇塘村", "上海")] == ["村名", "place"]
    numbers = "min_count = 5\nmin_pair_count = 5\nn_dimensions = 4\nn_clusters = [2, 3, 4]"
    learned = make(f'corpora = ["../raw"]\n{numbers}\ngazetteers = ["村名.tsv"]')
    assert learned is not None and learned.words is not None and learned.gazetteer == names
    found = Artifact("my-lexicon", "1.0.0", {}, {"lexicon": learned.to_arrays()})
    save(found, tmp_path / "models" / "my-lexicon" / "1.0.0")
    assert make('model = "my-lexicon"') == learned
    own = make('model = "my-lexicon"\njieba_names = true')  # instead of the gazetteer that it has
    assert own is not None and (own.words, own.pairs) == (learned.words, learned.pairs)
    assert own.gazetteer is not None and own.gazetteer.kind_of("苇塘村") is None
    with pytest.raises(InputError, match=r"none\.tsv names no file"):
        make('gazetteers = ["none.tsv"]')


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: no such recipe"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(InputError, match="is a folder, expected a recipe"):
        read_recipe(tmp_path)
    with pytest.raises(InputError, match="not TOML"):
        read_recipe(recipe(tmp_path, "name = 砚川"))
    (tmp_path / "gb.toml").write_bytes('name = "砚川"'.encode("gb18030"))
    with pytest.raises(InputError, match="not TOML"):
        read_recipe(tmp_path / "gb.toml")


@pytest.mark.parametrize(
    "files", ["../data/*.jsonl", "./../data/[ab].jsonl", "{tmp}/data/*.jsonl", "../recipes/../data/?.jsonl"]
)
def test_paths_are_relative_to_the_recipe(tmp_path: Path, files: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for name in "ab":
        (tmp_path / "data" / f"{name}.jsonl").write_text(ROW % name, encoding="utf-8")
    path = recipe(tmp_path / "recipes", RECIPE.replace("rows.jsonl", files.replace("{tmp}", str(tmp_path))))
    monkeypatch.chdir(tmp_path / "recipes")
    for spelled in (path, Path("tiny.toml"), Path("../recipes/tiny.toml")):
        assert [document.id for document, _ in read_recipe(spelled).documents()] == ["a", "b"]


def test_a_path_that_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl names no file"):
        read_recipe(recipe(tmp_path)).documents()


def test_standoff_needs_its_texts(tmp_path: Path) -> None:
    path = recipe(tmp_path, RECIPE.replace("marked", "standoff"))
    (tmp_path / "rows.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="a source of kind 'standoff' needs 'texts'"):
        read_recipe(path).documents()


def test_real_documents_that_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_recipe(recipe(tmp_path, RECIPE.replace("rows.jsonl", "${TAGGER_DATA}/corpora/*.jsonl")))
    monkeypatch.setenv("TAGGER_DATA", str(tmp_path / "missing"))
    with pytest.raises(InputError, match=r"set TAGGER_DATA to the folder of real documents \(training/recipes/demo"):
        read.documents()
    monkeypatch.setenv("TAGGER_DATA", str(tmp_path))
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "x.jsonl").write_text(ROW % "乙", encoding="utf-8")
    assert [document.id for document, _ in read.documents()] == ["乙"]


def test_every_table_that_a_pattern_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr("training.recipe.read_table", lambda name, **columns: seen.append((name, columns)) or [])
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    text = RECIPE.replace("marked", "table").replace('["rows.jsonl"]', '["*.csv", "someone/news"]')
    read_recipe(recipe(tmp_path, text + 'columns = {text = "正文"}\n')).documents()
    names = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "someone/news"]
    assert seen == [(name, {"text": "正文"}) for name in names]
