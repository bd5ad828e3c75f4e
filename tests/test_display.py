from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_model import FakeModel
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.display import text_width, to_html, to_table
from tagger.types import Article, ModelId, Page, Span, Topic

MODEL = ModelId("fake", "0.0.1")
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&lt;</title></style><!-- 鹭洲市 ]]>"


def page_of(*articles: Article, n_chars: int = 100) -> Page:
    return Page(articles, n_chars, MODEL)


class Reader(HTMLParser):
    """What a browser would see: the text of the elements of class ``raw``, every tag, every attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.raw, self.tags, self.attributes = "", [], []
        self.open: list[bool] = []
        self.marks: list[tuple[dict[str, str | None], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag in ("meta", "input"):
            return
        classes = (dict(attrs).get("class") or "").split()
        self.open.append("raw" in classes or bool(self.open and self.open[-1]))
        if tag == "mark":
            self.marks.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1]:
            self.raw += data
            if self.marks:
                self.marks[-1] = (self.marks[-1][0], self.marks[-1][1] + data)


# The terminal


@pytest.mark.parametrize(
    ("text", "width"), [("", 0), ("鹭洲日报", 8), ("ａ，", 4), ("a,", 2), ("\u0061\u0301", 1), ("𠮷", 2)]
)
def test_width_in_columns(text: str, width: int) -> None:
    assert text_width(text) == width


def table_of_example(width: int = 100, color: bool = False) -> str:
    raw = "鹭洲市查账\n审计组。砚川市\n\n砚川市开花了\n"
    return to_table(FakeModel().read(raw), raw, title="版面.txt", width=width, color=color)


def test_table_says_titles_lines_topics_and_spans() -> None:
    assert table_of_example() == (
        "版面.txt · 22 characters · 2 articles · fake 0.0.1\n"
        "\n"
        " 1  鹭洲市查账\n"
        "    article, lines 1-2\n"
        "    topics  audit 0.90\n"
        "    PLACE   鹭洲市, 砚川市\n"
        "\n"
        " 2  砚川市开花了\n"
        "    article, line 4\n"
        "    topics  none of the model's topics\n"
        "    PLACE   砚川市\n"
    )


def test_table_has_colours_only_when_asked() -> None:
    assert "\x1b[" not in table_of_example()
    assert re.sub(r"\x1b\[\d+m", "", table_of_example(color=True)) == table_of_example()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), max_size=20))
def test_table_never_runs_over_the_terminal(names: list[str]) -> None:
    raw = "".join(names) or "鹭"
    spans = tuple(Span(0, len(name), "作物" * 9 if i % 2 else "PERSON", name, 0.5) for i, name in enumerate(names))
    topics = (Topic("党的建设" * 20, 0.5),)
    table = to_table(page_of(Article(raw[:90], "article", ((0, len(raw)),), topics, {}, spans)), raw, width=50)
    lines = table.split("\n")
    assert max(map(text_width, lines)) <= 50
    assert all(line.isprintable() for line in lines)


def test_names_are_counted_and_most_frequent_first() -> None:
    raw = "岑望舒贺云樵贺云樵"
    spans = [Span(i, i + 3, "PERSON", raw[i : i + 3], 0.9) for i in (0, 3, 6)]
    article = Article("", "notice", ((0, 9),), (), {}, (*spans,))
    table = to_table(page_of(article), raw)
    assert "PERSON  贺云樵 (2), 岑望舒\n" in table
    assert "(no title) “岑望舒贺云樵贺云樵”" in table
    assert "topics " not in table


def test_table_of_an_empty_page() -> None:
    assert "nothing found" in to_table(page_of(n_chars=0), "")


def test_escapes_in_the_text_do_not_reach_the_terminal() -> None:
    raw = "\x1b]0;鹭\x07\u202e洲\r\n市"
    article = Article(raw, "article", ((0, len(raw)),), (), {}, (Span(0, 9, "A\x1b[2J", raw, 0.5),))
    table = to_table(page_of(article), raw, title="\x1b[2J.txt")
    assert all(char.isprintable() or char == "\n" for char in table)
    assert "鹭�洲 市" in table


# The page


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, Page]:
    """Any text under any articles and spans: overlapping, nested, across ranges, with any labels."""
    raw = draw(st.text(max_size=60) | st.text("鹭洲\n\r\0<&'\"\ud800 ", max_size=60))
    ranges = st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw))).map(lambda pair: tuple(sorted(pair)))
    spans = st.builds(
        lambda r, label, p: Span(r[0], r[1], label, raw[r[0] : r[1]], p),
        ranges,
        st.sampled_from(["ORG", "PLACE", "作物", HOSTILE]),
        st.floats(0, 1),
    )
    kinds = st.sampled_from(["article", "caption", "notice", "masthead"])
    articles = st.builds(
        Article,
        st.just("鹭洲") | st.text(max_size=5),
        kinds,
        st.lists(ranges, max_size=3).map(tuple),
        spans=st.lists(spans, max_size=5).map(tuple),
    )
    return raw, page_of(*draw(st.lists(articles, max_size=4)), n_chars=len(raw))


@settings(max_examples=300)
@given(pages())
def test_html_holds_the_text_to_the_letter(case: tuple[str, Page]) -> None:
    raw, page = case
    shown = Reader(to_html(page, raw, title="版面")).raw
    assert shown == re.sub("[\ud800-\udfff]", "�", raw.replace("\0", "␀"))


def test_hostile_text_stays_text() -> None:
    span = Span(0, len(HOSTILE), HOSTILE, HOSTILE, 0.5)
    article = Article(
        HOSTILE, "article", ((0, len(HOSTILE)),), (Topic(HOSTILE, 0.9),), {HOSTILE: 0.9}, (span,), HOSTILE
    )
    html = to_html(Page((article,), len(HOSTILE), ModelId(HOSTILE, HOSTILE)), HOSTILE, title=HOSTILE)
    reader = Reader(html)
    assert reader.raw == HOSTILE
    assert not {"script", "img", "iframe", "link"} & set(reader.tags)
    assert not [name for name in reader.attributes if name.startswith("on") or name == "src"]
    assert html.count("</style>") == html.count("</title>") == 1


def test_html_needs_no_network_and_runs_no_script() -> None:
    html = to_html(FakeModel().read("鹭洲市"), "鹭洲市", title="版面")
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|url\(|@import|<script", html)
    assert "$" not in html


def test_marks_cut_the_text_where_the_spans_are() -> None:
    raw = "本报讯 鹭洲市与\n砚川市。"
    page = FakeModel().read(raw)
    marks = Reader(to_html(page, raw, title="版面")).marks
    assert [(mark["data-label"], mark["data-tip"], text[:3]) for mark, text in marks] == [
        ("PLACE", "PLACE 0.75 · 4-7", "鹭洲市"),
        ("PLACE", "PLACE 0.75 · 9-12", "砚川市"),
    ]


def test_parts_of_one_article_link_to_each_other() -> None:
    raw = "甲的上半\n乙的全部\n甲的下半\n"
    first = Article("甲", "article", ((0, 5), (10, 15)))
    html = to_html(page_of(first, Article("乙", "article", ((5, 10),)), n_chars=15), raw, title="版面")
    assert 'id="a1"' in html
    assert 'id="a1-2"' in html
    assert '<a class="jump" href="#a1-2">↓ 1 goes on below · part 2 of 2</a>' in html
    assert '<a class="jump" href="#a1">↑ 1 continues here · part 2 of 2</a>' in html
    assert re.findall(r'(?s)<div class="raw">.*?</div>', html)[1].count("乙的全部") == 1


def test_ranges_with_only_white_space_between_are_shown_as_one() -> None:
    raw = "甲的上半\n\n甲的下半\n"
    page = page_of(Article("甲", "article", ((0, 4), (6, 10))), n_chars=11)
    html = to_html(page, raw, title="版面")
    assert "continues here" not in html
    assert Reader(html).raw == raw
    assert "article, lines 1-3\n" in to_table(page, raw)


def test_all_topic_scores_are_shown_the_accepted_first() -> None:
    article = Article("甲", "article", ((0, 1),), (Topic("audit", 0.6),), {"elections": 0.7, "audit": 0.6})
    html = to_html(page_of(article, n_chars=1), "甲", title="版面")
    rows = re.findall(r'<li class="(accepted|other)".*?<span class="topic">(\w+)</span>.*?<b>([\d.]+)</b>', html)
    assert rows == [("accepted", "audit", "0.60"), ("other", "elections", "0.70")]


def test_html_of_an_empty_page() -> None:
    assert "The page is empty." in to_html(page_of(n_chars=0), "", title="空")


def test_time_for_html_grows_with_the_text_and_no_faster() -> None:
    raw = "鹭洲市在砚川市,\n" * 20_000
    n = len(raw)
    spans = tuple(Span(i, i + 3, "PLACE", raw[i : i + 3], 0.9) for i in range(0, n, 9))
    html = to_html(page_of(Article("甲", "article", ((0, n),), spans=spans), n_chars=n), raw, title="长")
    assert html.count("<mark") == len(spans)


def test_html_of_the_shipped_example() -> None:
    raw = (Path(__file__).parent.parent / "examples" / "front_page.txt").read_text(encoding="utf-8")
    page = FakeModel().read(raw)
    assert Reader(to_html(page, raw, title="front_page.txt")).raw == raw


def test_seed_pages_stand_to_the_letter(seeds: dict[str, str]) -> None:
    for raw in seeds.values():
        assert Reader(to_html(FakeModel().read(raw), raw, title="page")).raw == raw
