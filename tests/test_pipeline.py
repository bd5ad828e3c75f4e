from __future__ import annotations

import copy
import itertools
import json
import pickle
import random
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import texts

import tagger
from tagger import artifact, cli
from tagger.errors import ConfigurationError, InputError, ModelFormatError, ModelNotFoundError
from tagger.pipeline import Model, clean_article
from tagger.spans import TaggedRanges
from tagger.text.segmenter import Segmenter
from tagger.types import Article, ModelId, Page

ROOT = Path(__file__).resolve().parent.parent
FRONT_PAGE = ROOT / "examples" / "front_page.txt"
GOLDEN = ROOT / "tests" / "data" / "front_page.golden.json"

LAWS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ---- hostile pages ---------------------------------------------------------------------------------------------------

Noise = Callable[[str, random.Random], str]


@cache
def articles() -> tuple[str, ...]:
    """Invented articles without their marks, cut to a length at which hundreds are read in seconds."""
    found = []
    for path in sorted((ROOT / "training" / "data" / "original").glob("*.jsonl")):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            found.append(re.sub(r"⟦[A-Z]+\||⟧", "", row["marked"]).strip()[:320])
    return tuple(found)


def sprinkle(*pieces: str, every: int = 40) -> Noise:
    """Return a noise that puts one of `pieces` behind about every so many characters."""

    def noise(text: str, rng: random.Random) -> str:
        return "".join(char + (rng.choice(pieces) if rng.randrange(every) == 0 else "") for char in text)

    return noise


def column_breaks(text: str, rng: random.Random) -> str:
    """Break lines in mid-sentence; half of the breaks print a character twice."""
    pieces = []
    for char in text:
        pieces.append(char)
        if "\u4e00" <= char <= "\u9fff" and rng.randrange(60) == 0:
            pieces.append("\n\n" + rng.choice(("", char)))
    return "".join(pieces)


def traditional(text: str, rng: random.Random) -> str:
    """Convert what OpenCC can read, which is no lone surrogate."""
    from opencc import OpenCC

    converter = OpenCC("s2t")
    parts = re.split("([\ud800-\udfff])", text)
    return "".join(part if "\ud800" <= part <= "\udfff" else converter.convert(part) for part in parts)


NOISES: tuple[Noise, ...] = (
    column_breaks,
    traditional,
    lambda text, rng: text.replace("\n", "\r\n"),
    lambda text, rng: text.translate(str.maketrans("，。；：？！（）“”", ",.;:?!()\"'")),
    lambda text, rng: text.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
    sprinkle("\u200b", "\ufeff", "\u200d", "\xad", "\x00", "\x9f"),
    sprinkle("(wǎng)", "(dòng)", "（chuàng）", "(men)", "(lü)"),
    sprinkle("𠀋", "𰻝", "👩\u200d🌾", "e\u0301", "\U0010ffff"),
    sprinkle("(", ")", "⟦", "“", "《", "■", " ", "\u3000", "\t", "\u2028", "…"),
    sprinkle("\ud800", "\udfff", every=200),
)


@st.composite
def noisy_pages(draw: st.DrawFn) -> str:
    """Draw a page of one to four invented articles, each damaged in up to three ways, perhaps interleaved."""
    rng = draw(st.randoms(use_true_random=False))
    chosen = draw(st.lists(st.sampled_from(articles()), min_size=1, max_size=4))
    damaged = []
    for text in chosen:
        for noise in draw(st.lists(st.sampled_from(NOISES), max_size=3)):
            text = noise(text, rng)
        damaged.append(text)
    if draw(st.booleans()):
        parts = [text.split("\n") for text in damaged]
        damaged = [line for lines in itertools.zip_longest(*parts) for line in lines if line]
    return draw(st.sampled_from(("", "\n\n", "\ufeff\n"))) + draw(st.sampled_from(("\n", "\n\n"))).join(damaged)


def is_visible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) not in ("Cc", "Cf")


def owners(raw: str, page: Page) -> np.ndarray:
    """Return the number of the article that each character of the page belongs to, -1 for none."""
    owner = np.full(len(raw), -1)
    for number, article in enumerate(page.articles):
        assert list(article.ranges) == sorted(article.ranges)
        for start, end in article.ranges:
            assert 0 <= start < end <= len(raw)
            assert (owner[start:end] == -1).all()
            owner[start:end] = number
    return owner


def check_spans(raw: str, article: Article, mine: np.ndarray) -> None:
    """Check every span; ``mine[i]`` is whether character ``i`` belongs to the article."""
    assert [span.start for span in article.spans] == sorted(span.start for span in article.spans)
    for span in article.spans:
        assert 0 <= span.start < span.end <= len(raw)
        assert span.text == raw[span.start : span.end]
        assert 0 <= span.confidence <= 1
        foreign = [raw[i] for i in range(span.start, span.end) if not mine[i] and is_visible(raw[i])]
        assert not foreign, (span, foreign)


def check_topics(model: Model, article: Article) -> None:
    probabilities = [topic.probability for topic in article.topics]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(article.topic_scores[topic.label] == topic.probability for topic in article.topics)
    assert all(0 <= score <= 1 for score in article.topic_scores.values())
    assert list(article.topic_scores) == model.topics
    assert article.kind != "masthead" or not article.topics


def check_page(model: Model, raw: str, page: Page) -> None:
    assert page.n_chars == len(raw)
    assert page.model == model.id
    owner = owners(raw, page)
    assert not [char for char, number in zip(raw, owner, strict=True) if number < 0 and is_visible(char)]
    for number, article in enumerate(page.articles):
        assert article.ranges
        check_spans(raw, article, owner == number)
        check_topics(model, article)


@LAWS
@given(noisy_pages())
def test_laws_on_noisy_pages(small_model: Model, raw: str) -> None:
    check_page(small_model, raw, small_model.read(raw))


@LAWS
@given(texts(40))
def test_laws_on_texts_that_hurt(small_model: Model, raw: str) -> None:
    check_page(small_model, raw, small_model.read(raw))
    article = small_model.read_article(raw)
    check_spans(raw, article, np.ones(len(raw), bool))
    assert article.ranges == (((len(raw) - len(raw.lstrip()), len(raw.rstrip())),) if raw.strip() else ())


class TilingTagger:
    """Takes every `size` characters for a span, whatever they are: the worst that a learned tagger could do."""

    labels_ = ("ANY",)

    def __init__(self, size: int) -> None:
        self.size = size

    def tag(self, text: str, boundaries: np.ndarray) -> TaggedRanges:
        starts = np.arange(0, len(text), self.size, dtype=np.int32)
        ends = np.minimum(starts + self.size, len(text)).astype(np.int32)
        return TaggedRanges(starts, ends, np.zeros(len(starts), np.int64), np.ones(len(starts)))


@LAWS
@given(noisy_pages() | texts(40), st.integers(1, 30))
def test_no_tagger_can_make_a_span_of_another_articles_text(raw: str, size: int) -> None:
    model = Model(ModelId("tiling", "1.0.0"), segmenter=Segmenter(), span_tagger=TilingTagger(size))
    check_page(model, raw, model.read(raw))
    check_spans(raw, model.read_article(raw), np.ones(len(raw), bool))


# ---- pages in particular ---------------------------------------------------------------------------------------------

# The audit article is interrupted by the film's first paragraphs, the film's headline stands behind them.
INTERLEAVED = (
    "市审计委员会开会\n■本报记者 苏砚秋\n"
    "本报讯 3月3日,市审计委员会听取审计工作汇报,部署审计整改。\n会议审议审计项目计划。\n"
    "■通讯员 艾琳\n本报讯 纪录片《一座桥》昨晚首播,在砚川引起热议,市民争相收看。\n《一座桥》讲述建桥人的故事。\n"
    "会议强调,要做好审计项目,加强审计整改。\n市领导龚若水出席审计委员会会议。\n"
    "听建桥人讲故事\n纪录片《一座桥》在砚川引起热议\n首播当晚,退休焊工同三百多名乡亲坐在黑石坳的晒谷场上,看得不肯散去。"
)


def test_a_span_over_a_column_break_holds_the_doubled_character(small_model: Model) -> None:
    model = Model(small_model.id, segmenter=Segmenter(), span_tagger=TilingTagger(12))
    raw = "新桥合龙\n■本报记者 唐维桢\n本报讯 昨日,砚川市的干部群众认真学习审计工作会\n\n会议精神,决心很大。"
    (article,) = model.read(raw).articles
    (broken,) = [span for span in article.spans if "\n\n" in span.text]
    assert "会\n\n会议" in broken.text


def test_interleaved_articles_keep_their_spans_apart(small_model: Model) -> None:
    page = small_model.read(INTERLEAVED)
    check_page(small_model, INTERLEAVED, page)
    assert [len(article.ranges) for article in page.articles] == [2, 2]
    for size in range(1, 40):
        model = Model(small_model.id, segmenter=Segmenter(), span_tagger=TilingTagger(size))
        check_page(model, INTERLEAVED, model.read(INTERLEAVED))


def test_a_glossed_traditional_page_is_read_as_the_plain_one(small_model: Model) -> None:
    plain = articles()[0]
    hard = re.sub("([县选举会议])", r"\1(wǎng)", plain)
    hard = traditional(hard, random.Random(0))
    expected, found = small_model.read(plain), small_model.read(hard)
    assert [a.title for a in found.articles] == [a.title for a in expected.articles]
    assert [(s.label, s.confidence) for a in found.articles for s in a.spans] == [
        (s.label, pytest.approx(s.confidence)) for a in expected.articles for s in a.spans
    ]
    assert [a.topics for a in found.articles] == [a.topics for a in expected.articles]
    assert "縣" in "".join(span.text for article in found.articles for span in article.spans)
    check_page(small_model, hard, found)


@pytest.mark.parametrize("raw", ["", " ", " \n\t\r\n\u3000\u2028"])
def test_nothing_to_read(small_model: Model, raw: str) -> None:
    assert small_model.read(raw) == Page((), len(raw), small_model.id)
    article = small_model.read_article(raw)
    assert (article.ranges, article.spans, article.title, article.body) == ((), (), "", "")


@pytest.mark.parametrize("raw", ["砚", "𠀋", "。", "\ud800", "\U0010ffff", "(", "■", "\u200b", "\x00"])
def test_one_character(small_model: Model, raw: str) -> None:
    check_page(small_model, raw, small_model.read(raw))
    assert small_model.read_article(raw).ranges == (((0, 1),))


@pytest.mark.parametrize("line", ["砚川市委书记苏砚秋主持召开审计工作会议,部署整改。", "字", "(", "■", "。"])
def test_a_megabyte_in_one_line(small_model: Model, line: str) -> None:
    raw = line * (1_000_000 // len(line))
    start = time.perf_counter()
    page = small_model.read(raw)
    assert time.perf_counter() - start < 10
    assert owners(raw, page).min() >= 0
    spans = [span for article in page.articles for span in article.spans]
    assert all(span.text == raw[span.start : span.end] for span in spans)


def test_many_short_lines(small_model: Model) -> None:
    raw = "砚川市\n\n鹿泷县\n" * 8_000
    start = time.perf_counter()
    page = small_model.read(raw)
    assert time.perf_counter() - start < 10
    assert not (owners(raw, page)[[not c.isspace() for c in raw]] < 0).any()


def test_read_and_read_article_agree_on_one_article(small_model: Model) -> None:
    raw = "审计整改对账销号\n■本报记者 唐维桢\n本报讯 5月6日,砚川市审计局召开审计整改推进会。局长石敬亭说,要逐项销号。"
    (on_page,), alone = small_model.read(raw).articles, small_model.read_article(raw)
    assert on_page.spans == alone.spans
    assert on_page.topics == alone.topics
    assert on_page.title == alone.title == "审计整改对账销号"
    assert on_page.ranges == alone.ranges == ((0, len(raw)),)
    assert (on_page.kind, alone.kind) == ("article", "article")
    assert on_page.byline == "■本报记者 唐维桢"


def test_an_article_is_never_cut(small_model: Model) -> None:
    raw = "春茶开采\n本报讯 桥通了。\n\n审计整改\n■本报记者 唐维桢\n本报讯 砚川市审计局开会。"
    assert len(small_model.read(raw).articles) == 2
    article = small_model.read_article(f"  {raw}\n")
    assert article.ranges == ((2, 2 + len(raw)),)
    assert article.title == "春茶开采"


def test_clean_article_joins_lines() -> None:
    clean = clean_article("审计整改\n砚川(chuān)市召开审计工作会议,部署下一阶\n段工作。")
    assert clean.text == "审计整改\n砚川市召开审计工作会议，部署下一阶段工作。"


# ---- what is not a text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, 7, b"\xe7\xa0\x9a", ["砚川市"]])
def test_not_a_text(small_model: Model, raw: object) -> None:
    for read in (small_model.read, small_model.read_article, lambda raw: next(small_model.pipe([raw]))):
        with pytest.raises(InputError, match=f"expected the text as str, got {type(raw).__name__}; decode bytes with"):
            read(raw)


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "2", None])
def test_n_jobs_out_of_range(small_model: Model, n_jobs: object) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"n_jobs={n_jobs!r}: expected the number of processes")):
        small_model.pipe([], n_jobs=n_jobs)


@pytest.mark.parametrize("as_", ["pages", "", None, []])
def test_as_out_of_range(small_model: Model, as_: object) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"as_={as_!r}: expected 'page' or 'article'")):
        small_model.pipe([], as_=as_)


def test_one_str_is_not_many_texts(small_model: Model) -> None:
    with pytest.raises(InputError, match="write \\[text\\]"):
        small_model.pipe("砚川市")


# ---- many texts ------------------------------------------------------------------------------------------------------


def numbered(n: int) -> list[str]:
    return [f"{text}\n第{i}号" for i, text in zip(range(n), itertools.cycle(articles()), strict=False)]


@pytest.mark.parametrize("as_", ["page", "article"])
def test_pipe_keeps_the_order(small_model: Model, as_: str) -> None:
    raws = numbered(12)
    read = small_model.read if as_ == "page" else small_model.read_article
    assert list(small_model.pipe(iter(raws), as_=as_)) == [read(raw) for raw in raws]


def endless(taken: list[int]) -> Iterator[str]:
    for number in itertools.count():
        taken.append(number)
        yield f"砚川市第{number}次审计会议召开。"


def test_pipe_takes_no_more_than_it_needs(small_model: Model) -> None:
    taken: list[int] = []
    pages = small_model.pipe(endless(taken))
    assert not taken
    assert len(list(itertools.islice(pages, 3))) == 3
    assert len(taken) == 3


def test_processes_give_the_same_in_the_same_order(small_model: Model, small_folder: Path) -> None:
    raws = numbered(50)
    expected = list(small_model.pipe(raws))
    assert list(tagger.load(small_folder).pipe(raws, n_jobs=2)) == expected  # from its folder
    assert list(small_model.pipe(iter(raws), n_jobs=2)) == expected  # never saved
    assert list(small_model.pipe(raws[:5], n_jobs=2, as_="article")) == list(small_model.pipe(raws[:5], as_="article"))
    assert list(small_model.pipe([], n_jobs=2)) == []


def test_processes_read_from_an_endless_source(small_folder: Path) -> None:
    taken: list[int] = []
    model = tagger.load(small_folder)
    pages = model.pipe(endless(taken), n_jobs=2)
    first = list(itertools.islice(pages, 20))
    pages.close()
    assert [page.articles[0].body for page in first] == [f"砚川市第{i}次审计会议召开。" for i in range(20)]
    assert len(taken) < 400


def test_processes_say_what_is_wrong(small_folder: Path) -> None:
    with pytest.raises(InputError, match="got int"):
        list(tagger.load(small_folder).pipe(["砚川市", 7], n_jobs=2))


def test_threads_give_the_same(small_model: Model) -> None:
    raws = numbered(40)
    expected = [small_model.read(raw) for raw in raws]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(small_model.read, raws)) == expected


# ---- models without a part -------------------------------------------------------------------------------------------


def part_of(model: Model, *, topics: bool = True, spans: bool = True) -> Model:
    content = model.to_artifact({})
    kept = {
        name: arrays
        for name, arrays in content.arrays.items()
        if (topics or name not in ("topic", "vectorizer")) and (spans or name != "spans")
    }
    return Model.from_artifact(artifact.Artifact(content.name, content.version, content.meta, kept))


def test_a_model_without_topics(small_model: Model, tmp_path: Path) -> None:
    raw = FRONT_PAGE.read_text(encoding="utf-8")
    model = part_of(small_model, topics=False)
    page = model.read(raw)
    assert model.topics == []
    assert all(a.topics == () and a.topic_scores == {} for a in page.articles)
    assert [a.spans for a in page.articles] == [a.spans for a in small_model.read(raw).articles]
    folder = artifact.save(model.to_artifact({}), tmp_path / "m")
    assert tagger.load(folder).read(raw) == page


def test_a_model_without_spans(small_model: Model, tmp_path: Path) -> None:
    raw = FRONT_PAGE.read_text(encoding="utf-8")
    model = part_of(small_model, spans=False)
    page = model.read(raw)
    assert model.span_labels == []
    assert all(a.spans == () for a in page.articles)
    assert [a.topics for a in page.articles] == [a.topics for a in small_model.read(raw).articles]
    folder = artifact.save(model.to_artifact({}), tmp_path / "m")
    assert tagger.load(folder).read(raw) == page


def test_a_model_without_anything_finds_articles() -> None:
    page = Model(ModelId("bare", "1.0.0"), segmenter=Segmenter()).read(INTERLEAVED)
    assert all((a.topics, dict(a.topic_scores), a.spans) == ((), {}, ()) for a in page.articles)
    assert [article.title for article in page.articles] == ["市审计委员会开会", "听建桥人讲故事"]


# ---- on disk ---------------------------------------------------------------------------------------------------------


def test_saved_and_loaded_reads_the_same(small_model: Model, small_folder: Path) -> None:
    loaded = tagger.load(small_folder)
    for raw in (FRONT_PAGE.read_text(encoding="utf-8"), INTERLEAVED, *articles()[:10]):
        assert loaded.read(raw) == small_model.read(raw)
    assert (loaded.id, loaded.topics, loaded.span_labels) == (
        small_model.id,
        small_model.topics,
        small_model.span_labels,
    )
    assert (
        repr(loaded)
        == f"<tagger model small 1.0.0: {len(loaded.topics)} topics, {len(loaded.span_labels)} span labels>"
    )


def test_saved_twice_gives_the_same_bytes(small_folder: Path, tmp_path: Path) -> None:
    again = artifact.save(
        tagger.load(small_folder).to_artifact({"README.md": (small_folder / "README.md").read_text()}),
        tmp_path / "small" / "1.0.0",
    )
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in small_folder.iterdir()}


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_read_the_same(small_folder: Path, again: Callable[[Model], Model]) -> None:
    model = tagger.load(small_folder)
    assert again(model).read(INTERLEAVED) == model.read(INTERLEAVED)


def damaged_copies(folder: Path, shelf: Path) -> Iterator[tuple[str, Path]]:
    """Yield copies of a model, each with one byte of one file flipped."""
    for name in sorted(path.name for path in folder.iterdir()):
        size = (folder / name).stat().st_size
        for place in sorted({0, 7, size // 2, size - 1}):
            copied = shelf / f"{name}-{place}" / "small" / "1.0.0"
            shutil.copytree(folder, copied)
            data = bytearray((copied / name).read_bytes())
            data[place] ^= 0x10
            (copied / name).write_bytes(data)
            yield name, copied


def test_a_flipped_byte_in_any_file(small_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.txt"
    page.write_text(INTERLEAVED, encoding="utf-8")
    seen = set()
    for name, copied in damaged_copies(small_folder, tmp_path):
        seen.add(name)
        with pytest.raises(ModelFormatError, match=re.escape(str(copied))):
            tagger.load(copied)
        assert cli.main(["predict", str(page), "--model", str(copied)]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), err
        assert name in err
    assert seen == {"README.md", "manifest.json", "spans.safetensors", "topic.safetensors", "vectorizer.safetensors"}


def changed(model: Model, part: str, name: str, change: Callable[[np.ndarray], np.ndarray]) -> artifact.Artifact:
    content = model.to_artifact({})
    arrays = {p: dict(found) for p, found in content.arrays.items()}
    arrays[part][name] = change(arrays[part][name])
    return artifact.Artifact(content.name, content.version, content.meta, arrays)


@pytest.mark.parametrize(
    "change", [lambda a: a[:-1], lambda a: a[..., None], lambda a: a[:0]], ids=["short", "deep", "empty"]
)
def test_arrays_that_do_not_fit(small_model: Model, change: Callable[[np.ndarray], np.ndarray]) -> None:
    content = small_model.to_artifact({})
    for part, arrays in content.arrays.items():
        for name, array in arrays.items():
            if change(array).shape != array.shape:
                with pytest.raises(ModelFormatError):
                    Model.from_artifact(changed(small_model, part, name, change))
                    pytest.fail(f"{part}/{name} was taken")


@pytest.mark.parametrize("value", [np.iinfo(np.uint64).max, 0])
def test_numbers_out_of_range_break_nothing(small_model: Model, value: int) -> None:
    """Compiled code does not check its indices: what gets past the door must not lead outside an array."""
    for part, arrays in small_model.to_artifact({}).arrays.items():
        for name, array in arrays.items():
            if array.dtype.kind in "iu":
                full = np.full_like(array, min(value, np.iinfo(array.dtype).max))
                try:
                    model = Model.from_artifact(changed(small_model, part, name, lambda _, full=full: full))
                except ModelFormatError:
                    continue
                check_page(model, INTERLEAVED, model.read(INTERLEAVED))


def test_arrays_that_are_missing(small_model: Model) -> None:
    content = small_model.to_artifact({})
    for part, arrays in content.arrays.items():
        for name in arrays:
            fewer = {
                p: {n: a for n, a in found.items() if (p, n) != (part, name)} for p, found in content.arrays.items()
            }
            with pytest.raises(ModelFormatError, match="small"):
                Model.from_artifact(artifact.Artifact(content.name, content.version, content.meta, fewer))


JUNK = [None, 7, "x", {"parameters": 3}, {"labels": [1]}, [], {}]


@pytest.mark.parametrize(
    ("entry", "junk"),
    [(entry, junk) for entry in ("segmenter", "vectorizer", "topic", "spans") for junk in JUNK]
    + [("page", junk) for junk in JUNK[:-2]],  # no parameters at all are the default ones
)
def test_a_manifest_that_makes_no_sense(small_model: Model, entry: str, junk: object) -> None:
    content = small_model.to_artifact({})
    nonsense = artifact.Artifact(content.name, content.version, {**content.meta, entry: junk}, content.arrays)
    with pytest.raises(ModelFormatError):
        Model.from_artifact(nonsense)


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        tagger.load(tmp_path / "nowhere")
    with pytest.raises(ModelNotFoundError, match="gov-nevs"):
        tagger.load("gov-nevs")


def test_a_pinned_model(small_folder: Path) -> None:
    pin = artifact.manifest_sha256(small_folder)
    assert tagger.load(small_folder, sha256=pin).id == ModelId("small", "1.0.0")
    with pytest.raises(ModelFormatError, match="not the pinned model"):
        tagger.load(small_folder, sha256="0" * 64)


# numba asks for scipy's version, so that the bare package is there; its parts must not be
HEAVY = ("sklearn", "scipy.sparse", "datasets", "pyarrow", "pandas", "joblib", "jieba", "tqdm", "training")


def test_reading_imports_nothing_heavy(small_folder: Path) -> None:
    code = (
        "import sys, scipy.linalg.cython_blas, tagger\n"  # numba loads it, and before 1.17 it loads scipy.sparse
        "before = set(sys.modules)\n"
        f"model = tagger.load({str(small_folder)!r})\n"
        "page = model.read('审计整改\\n本报讯 砚川市审计局召开会议。')\n"
        "assert page.articles[0].topic_scores\n"
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- the shipped model -----------------------------------------------------------------------------------------------


def golden(model: Model) -> dict[str, object]:
    """Return what the model finds on the example page, but for probabilities, whose last digits may change."""
    page = model.read(FRONT_PAGE.read_text(encoding="utf-8"))
    return {
        "model": {"name": page.model.name, "version": page.model.version},
        "articles": [
            {
                "title": article.title,
                "kind": article.kind,
                "ranges": [list(r) for r in article.ranges],
                "topics": [topic.label for topic in article.topics],
                "spans": [f"{s.start}-{s.end} {s.label} {s.text}" for s in article.spans],
            }
            for article in page.articles
        ],
    }


def test_the_example_page_is_read_as_before(gov_news: Model) -> None:
    """Remake the file with ``python tests/test_pipeline.py`` after a new model, and read what changed."""
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden(gov_news) == expected


def test_the_example_page_obeys_the_laws(gov_news: Model) -> None:
    raw = FRONT_PAGE.read_text(encoding="utf-8")
    check_page(gov_news, raw, gov_news.read(raw))


def test_the_shipped_model_is_small_and_whole(gov_news: Model) -> None:
    assert gov_news.path is not None
    assert sum(path.stat().st_size for path in gov_news.path.iterdir()) <= 25e6
    assert gov_news.topics == ["audit", "elections", "industrial_parks", "party_building"]
    assert gov_news.span_labels == sorted(
        ("PERSON", "POSITION", "ORG", "PLACE", "PARK", "TIME", "EVENT", "POLICY", "DOCUMENT")
    )
    text = (gov_news.path / "manifest.json").read_text(encoding="utf-8")
    assert not re.search(r"/(home|work|root|tmp|Users)/", text)


if __name__ == "__main__":
    GOLDEN.write_text(
        json.dumps(golden(tagger.load("gov-news")), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
