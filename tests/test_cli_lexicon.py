"""``tagger lexicon``: from raw text to a lexicon on the shelf, whole or not at all."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_lexicon_training import sentences

import tagger
from tagger import SpanTagger, artifact, cli
from tagger.features.lexicon import Lexicon
from training import build_lexicon

SMALL = (
    *("--min-count", "5", "--min-pair-count", "5", "--dimensions", "8"),
    *("--clusters", "2", "3", "4"),
)


class Outcome:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def error(self) -> str:
        """The one line of an error."""
        assert self.status == 2
        last = self.err.splitlines()[-1]
        assert last.startswith("tagger: error: ")
        assert "Traceback" not in self.err
        return last


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in an empty folder with an empty shelf, beside a folder of raw text."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGGER_MODELS", "models")
    raw = tmp_path / "archive"
    raw.mkdir()
    rows = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in sentences(200))
    (raw / "a.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    (raw / "b.txt").write_text("砚川市召开大会。", encoding="utf-8")
    (tmp_path / "村名.tsv").write_text("苇塘村\n唐维桢\t人名\n", encoding="utf-8")

    def run(*argv: str) -> Outcome:
        try:
            status = cli.main(argv)
        except SystemExit as exit:
            status = exit.code
        return Outcome(status, *capsys.readouterr())

    return run


def build(run: Run, *argv: str, corpora: tuple[str, ...] = ("archive",)) -> Outcome:
    return run("lexicon", "build", *corpora, "--name", "my-lexicon", *SMALL, *argv)


def test_from_raw_text_to_the_shelf(run: Run) -> None:
    outcome = build(run, "--gazetteer", "村名.tsv", "--version", "1.2.0", "--licence", "CC0")
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines()[-1] == f"saved {Path('models/my-lexicon/1.2.0')}"
    assert "2 names (人名, 村名)" in outcome.out
    found = artifact.load("models/my-lexicon/1.2.0")
    assert found.meta["kind"] == "lexicon"
    texts = [*sentences(200), "砚川市召开大会。"]
    assert (found.meta["data"]["texts"], found.meta["data"]["characters"]) == (201, sum(map(len, texts)))
    assert found.meta["parameters"]["n_clusters"] == [2, 3, 4]
    assert list(found.meta["gazetteers"]) == ["村名.tsv"]
    assert found.meta["licence"] == "CC0"
    assert "# my-lexicon 1.2.0" in found.texts["README.md"]
    assert "CC0" in found.texts["README.md"]
    assert "201 texts" in found.texts["README.md"]
    lexicon = Lexicon.load("my-lexicon")
    assert lexicon.words is not None and lexicon.pairs is not None and lexicon.gazetteer is not None
    assert SpanTagger(lexicon=lexicon, max_iter=1).fit(["苇塘村。"], [[(0, 3, "地名")]]).predict(["苇塘村。"])


def test_the_same_text_gives_the_same_bytes(run: Run) -> None:
    for shelf in ("one", "two"):
        assert build(run, "--gazetteer", "村名.tsv", "--output", shelf).status == 0
    one, two = (Path(shelf) / "my-lexicon" / "1.0.0" for shelf in ("one", "two"))
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes()
    assert build(run, "--output", "three", corpora=("archive/b.txt", "archive/a.jsonl.gz")).status == 0
    fingerprints = {artifact.load(Path(s) / "my-lexicon" / "1.0.0").meta["data"]["sha256"] for s in ("one", "three")}
    assert len(fingerprints) == 2  # the order of the texts counts


def test_names_alone_need_no_raw_text(run: Run) -> None:
    assert build(run, "--gazetteer", "村名.tsv", corpora=()).status == 0
    lexicon = Lexicon.load("my-lexicon")
    assert (lexicon.words, lexicon.pairs) == (None, None)
    assert lexicon.gazetteer is not None and len(lexicon.gazetteer) == 2
    assert "texts" not in artifact.load("models/my-lexicon/1.0.0").texts["README.md"].split("It holds")[0]
    assert build(run, "--jieba-names", "--version", "1.1.0", corpora=()).status == 0
    assert Lexicon.load("my-lexicon").gazetteer.kind_of("上海") == "place"  # type: ignore[union-attr]


def test_lexicons_are_listed_and_shown(run: Run) -> None:
    build(run, "--gazetteer", "村名.tsv")
    line = next(line for line in run("models", "list").out.splitlines() if line.startswith("my-lexicon"))
    assert line.split()[:4] == ["my-lexicon", "1.0.0", "lexicon", "lexicon"]
    shown = run("models", "show", "my-lexicon")
    assert shown.status == 0
    assert shown.out.startswith("lexicon  my-lexicon 1.0.0\n")
    assert "topics" not in shown.out
    assert "A lexicon for span taggers" in shown.out


def test_words_are_looked_up(run: Run) -> None:
    build(run, "--gazetteer", "村名.tsv")
    header, *rows = run("lexicon", "show", "my-lexicon", "书记", "苇塘村", "𠮷", "").out.splitlines()
    assert header.split() == [
        "WORD",
        *("WORD COARSE WORD MIDDLE WORD FINE PAIR COARSE PAIR MIDDLE PAIR FINE KIND".split()),
    ]
    assert rows[0].split()[0] == "书记" and "-" not in rows[0].split()[1:7] and rows[0].split()[7] == "-"
    assert rows[1].split() == ["苇塘村", *["-"] * 6, "村名"]
    assert rows[2].split() == ["𠮷", *["-"] * 7]
    build(run, "--gazetteer", "村名.tsv", "--version", "2.0.0", corpora=())
    assert run("lexicon", "show", "my-lexicon", "书记").out.splitlines()[1].split() == ["书记", *["-"] * 7]


def test_a_version_is_never_overwritten_and_no_work_is_done_before(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    build(run)
    before = Path("models/my-lexicon/1.0.0/manifest.json").read_bytes()
    monkeypatch.setattr(build_lexicon, "learn_lexicon", None)
    assert "1.0.0 is there already: give a higher version" in build(run).error
    assert Path("models/my-lexicon/1.0.0/manifest.json").read_bytes() == before


def test_an_interrupted_build_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build_lexicon, "learn_lexicon", interrupted)
        assert build(run).status == 130
    assert not Path("models").exists()
    with monkeypatch.context() as patch:
        patch.setattr(artifact, "sync_folder", interrupted)  # the files are written, but not yet in place
        assert build(run).status == 130
    assert [path for path in Path("models").rglob("*") if path.is_file()] == []
    assert build(run).status == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("lexicon", "build", "none", "--name", "x"), "none: no such file"),
        (("lexicon", "build", "村名.tsv", "--name", "x"), "村名.tsv: expected JSON lines"),
        (("lexicon", "build", "--name", "x"), "nothing to build from: give raw text, --gazetteer or --jieba-names"),
        (("lexicon", "build", "archive", "--name", "我的"), "name '我的': expected small letters"),
        (("lexicon", "build", "archive", "--name", "x", "--version", "1"), "version '1': expected major.minor.patch"),
        (("lexicon", "build", "archive", "--name", "x", "--min-count", "0"), "min_count=0: expected a whole number"),
        (("lexicon", "build", "archive", "--name", "x", "--clusters", "1", "2", "70000"), "from 1 to 65535"),
        (("lexicon", "build", "archive", "--name", "x", "--clusters", "1", "2"), "expected 3 arguments"),
        (("lexicon", "build", "archive", "--name", "x"), "words stand 20 times in the raw text"),
        (("lexicon", "build", "archive"), "the following arguments are required: --name"),
        (("lexicon", "build", "--name", "x", "--gazetteer", "archive"), "raw text goes before --gazetteer"),
        (("lexicon", "build", "--name", "x", "--gazetteer", "none.tsv"), "none.tsv: no such gazetteer"),
        (("lexicon", "build", "--name", "x", "--gazetteer", "gb.tsv"), "gb.tsv: not UTF-8"),
        (("lexicon", "build", "--name", "x", "--gazetteer", "bad.tsv"), "bad.tsv, line 2: '\\t地名'"),
        (("lexicon", "show", "x", "砚川"), "no model 'x'"),
        (("lexicon", "show", "x"), "the following arguments are required: WORD"),
    ],
)
def test_mistakes_are_one_line(run: Run, argv: tuple[str, ...], said: str) -> None:
    Path("gb.tsv").write_bytes("鹿泷县\n".encode("gb18030"))
    Path("bad.tsv").write_text("鹿泷\n\t地名\n", encoding="utf-8")
    assert said in run(*argv).error
    assert not Path("models").exists()


def test_progress_goes_to_stderr(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("\n".join(sentences(200)), encoding="utf-8")
    command = [sys.executable, "-m", "tagger", "lexicon", "build", "raw.txt", "--name", "x", *SMALL]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=True)
    assert "clusters of" in done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert sorted(path.name for path in (tmp_path / "models" / "x").iterdir()) == ["1.0.0"]


def test_help_is_instant() -> None:
    start = time.perf_counter()
    code = (
        "import sys; from tagger import cli\ntry: cli.main(['lexicon', 'build', '--help'])\nexcept SystemExit: pass\n"
    )
    code += "print(sorted({'numpy', 'sklearn', 'scipy', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "tagger lexicon build archive/ --name my-lexicon" in done.stdout
    assert time.perf_counter() - start < 5


def test_a_lexicon_is_no_model(run: Run) -> None:
    build(run)
    with pytest.raises(tagger.TaggerError):
        tagger.load("my-lexicon")
    Path("page.txt").write_text("砚川市", encoding="utf-8")
    assert "my-lexicon" in run("predict", "page.txt", "--model", "my-lexicon").error
