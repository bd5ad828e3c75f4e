"""The five real pages, read by the shipped model; what is expected of them is stored as offsets and labels alone."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from test_pipeline import TilingTagger, check_page, is_visible

from tagger import cli
from tagger.pipeline import Model
from tagger.text.normalize import Normalizer
from tagger.text.segmenter import Segmenter
from tagger.types import Article, ModelId, Page

DATA = Path(__file__).resolve().parent / "data"
PAGES = json.loads((DATA / "seed_pages.json").read_text(encoding="utf-8"))
TOPICS = json.loads((DATA / "seed_topics.json").read_text(encoding="utf-8"))
GLOSS = re.compile(r"[\u3400-\u9fff]\([a-zü\u00e0-\u01dc]+\)")


@pytest.fixture(scope="module")
def read(seeds: dict[str, str], gov_news: Model) -> dict[str, Page]:
    return {number: gov_news.read(raw) for number, raw in seeds.items()}


def inside(raw: str, ranges: object) -> set[int]:
    return {i for start, end in ranges for i in range(start, end) if is_visible(raw[i])}  # type: ignore[attr-defined]


def expected_and_found(raw: str, number: str, page: Page) -> list[tuple[dict[str, object], Article]]:
    """Pair each article of the stored reading with the one that was found where its text stands."""
    found = [(inside(raw, article.ranges), article) for article in page.articles]
    pairs = []
    for expected in PAGES[number]["articles"]:
        wanted = inside(raw, expected["ranges"])
        same = [article for characters, article in found if characters == wanted]
        assert len(same) == 1, (number, expected["headline"], expected["ranges"])
        pairs.append((expected, same[0]))
    return pairs


@pytest.mark.parametrize("number", PAGES)
def test_the_pages_are_those_that_were_read(seeds: dict[str, str], number: str) -> None:
    assert len(seeds[number]) == PAGES[number]["n_chars"]
    assert sha256(seeds[number].encode("utf-8")).hexdigest() == PAGES[number]["sha256"]


@pytest.mark.parametrize("number", PAGES)
def test_every_offset_is_exact(seeds: dict[str, str], read: dict[str, Page], gov_news: Model, number: str) -> None:
    check_page(gov_news, seeds[number], read[number])


@pytest.mark.parametrize("number", PAGES)
def test_every_article_is_found_whole_and_alone(seeds: dict[str, str], read: dict[str, Page], number: str) -> None:
    pairs = expected_and_found(seeds[number], number, read[number])
    assert len(pairs) == len(read[number].articles)
    for expected, article in pairs:
        assert article.kind == expected["kind"]


@pytest.mark.parametrize("number", PAGES)
def test_every_headline_starts_its_own_article(seeds: dict[str, str], read: dict[str, Page], number: str) -> None:
    clean = Normalizer()
    for expected, article in expected_and_found(seeds[number], number, read[number]):
        if expected["headline"] is None:
            assert article.title == ""
        else:
            start, end = expected["headline"]  # type: ignore[misc]
            assert re.sub(r"\s+", " ", clean(seeds[number][start:end]).text) == re.sub(r"\s+", " ", article.title)


@pytest.mark.parametrize("number", PAGES)
def test_topics_are_those_that_a_person_would_say(seeds: dict[str, str], read: dict[str, Page], number: str) -> None:
    pairs = expected_and_found(seeds[number], number, read[number])
    for (expected, article), topics in zip(pairs, TOPICS[number], strict=True):
        if topics is not None:
            assert sorted(topic.label for topic in article.topics) == topics, (number, expected["headline"])


@pytest.mark.parametrize("size", [1, 2, 5, 13, 40])
@pytest.mark.parametrize("number", PAGES)
def test_no_tagger_can_make_a_span_of_another_articles_text(seeds: dict[str, str], number: str, size: int) -> None:
    model = Model(ModelId("tiling", "1.0.0"), segmenter=Segmenter(), span_tagger=TilingTagger(size))
    check_page(model, seeds[number], model.read(seeds[number]))


@pytest.mark.parametrize("number", PAGES)
def test_there_are_spans_in_every_article(read: dict[str, Page], number: str) -> None:
    for article in read[number].articles:
        if article.kind == "article":
            assert len(article.spans) * 100 >= len(article.body) * 0.3  # a name in 300 characters, at the very least
            assert {"PERSON", "PLACE", "POLICY"} & {span.label for span in article.spans}


def test_spans_of_the_traditional_page_are_in_its_own_characters(seeds: dict[str, str], read: dict[str, Page]) -> None:
    raw, (article,) = seeds["003"], read["003"].articles
    assert GLOSS.search(raw)
    assert not GLOSS.search(article.body)
    texts = [span.text for span in article.spans]
    assert sum(bool(GLOSS.search(text)) for text in texts) >= 10
    assert sum(bool(re.search("[區會經長書記開發]", text)) for text in texts) >= 15
    assert not re.search("[區會經長書記開發園]", article.body)  # what was read is Simplified
    assert {"PERSON", "POSITION", "PARK", "ORG", "TIME", "EVENT"} <= {span.label for span in article.spans}


def test_the_traditional_page_is_read_as_its_simplified_one(
    seeds: dict[str, str], read: dict[str, Page], gov_news: Model
) -> None:
    clean = Normalizer()(seeds["003"])
    (simplified,), (original,) = gov_news.read(clean.text).articles, read["003"].articles
    assert simplified.topics == original.topics
    assert [(clean.alignment.to_raw(s.start, s.end), s.label) for s in simplified.spans] == [
        ((s.start, s.end), s.label) for s in original.spans
    ]


def test_the_command_line_reads_them(shared: Path, gov_news: Model, capsys: pytest.CaptureFixture[str]) -> None:
    paths = sorted(map(str, (shared / "seeds").glob("*.txt")))
    assert cli.main(["predict", *paths, "--model", str(gov_news.path), "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["path"] for record in records] == paths
    for record in records:
        raw = Path(record["path"]).read_text(encoding="utf-8")
        for article in record["articles"]:
            assert all(raw[span["start"] : span["end"]] == span["text"] for span in article["spans"])
