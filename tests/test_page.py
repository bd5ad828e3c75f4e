from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import texts

from tagger.errors import ConfigurationError, InputError
from tagger.page import Block, PageArticle, PageSegmenter, assemble
from tagger.page._evidence import opening_score
from tagger.page.blocks import Look, read_lines
from tagger.page.roles import head_roles
from tagger.text import Normalizer

ROOT = Path(__file__).resolve().parent.parent
SEED_PAGES = json.loads((ROOT / "tests" / "data" / "seed_pages.json").read_text())
ORDER = {"kicker": 0, "headline": 1, "subheadline": 2, "byline": 3}


def shown(page: str, **parameters: float) -> list[tuple[str, str]]:
    """Return kind and title of each article."""
    return [(a.kind, assemble(page, a).title) for a in PageSegmenter(**parameters).segment(page)]


def titles(page: str, **parameters: float) -> list[str]:
    return [title for _, title in shown(page, **parameters)]


def roles(page: str) -> list[list[str]]:
    return [[block.role for block in article.blocks] for article in PageSegmenter().segment(page)]


def original_articles() -> dict[str, str]:
    found = {}
    for path in sorted((ROOT / "training" / "data" / "original").glob("*.jsonl")):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            found[row["id"]] = re.sub(r"⟦[A-Z]+\||⟧", "", row["marked"]).strip()
    return found


# ---- laws ----------------------------------------------------------------------------------------------------------

LINES = (
    *(
        "新桥今日合龙",
        "苏砚秋在砚川市调研时强调——",
        "——鹿泷县见闻",
        "茶园开采 春茶上市",
        "谁来修桥？",
        "图片新闻",
        "一、水",
    ),
    *(
        "■本报记者 苏砚秋",
        "本报记者 唐维桢",
        "□ 夏侯一鸣",
        "(池杉)",
        "■本报记者 桑吉 摄",
        "■本报评论员",
        "记者：为何？",
    ),
    *(
        "本报讯 昨日，桥通了。",
        "本报讯（记者 艾琳）路",
        "砚川新闻网7月9日讯（记者 石玛依）桥通了，路也通了，人人都说好。",
    ),
    *(
        "砚川市,鹿泷县",
        "他说，好。",
        "想的生动。",
        "，",
        "。",
        "“好！”",
        "市领导龚若水参加。（下转第九版）",
        "（上接第一版）桥通了。",
    ),
    *("砚川日报", "新闻热线:3362109", "YANCHUAN DAILY", "2021年9月28日", "举报热线96110", "党建★领航", "市河长办 宣"),
    *(
        "选举委员会公告",
        "（第三号）",
        "图为新桥。",
        "  \t",
        "　　",
        "",
        "👩\u200d🌾",
        "\x1c",
        "\u200b",
        "x" * 90,
        "（" * 60,
    ),
)
pages = st.lists(st.sampled_from(LINES) | texts(6), max_size=24).map("\n".join)


def check_laws(page: str, articles: list[PageArticle]) -> None:
    blocks = [block for article in articles for block in article.blocks]
    covered = [0] * len(page)
    for block in blocks:
        assert 0 <= block.start < block.end <= len(page)
        assert page[block.start : block.end] == page[block.start : block.end].strip()
        for i in range(block.start, block.end):
            covered[i] += 1
    assert max(covered, default=0) <= 1
    assert all(count or char.isspace() for char, count in zip(page, covered, strict=True))
    for article in articles:
        assert article.blocks
        ranks = [ORDER[b.role] for b in article.blocks[: head_length(article)]]
        assert ranks == sorted(ranks)


def head_length(article: PageArticle) -> int:
    return next((k for k, b in enumerate(article.blocks) if b.role not in ORDER), 0)


def check_assembled(page: str, article: PageArticle) -> None:
    got = assemble(page, article)
    assert got.alignment.n_clean == len(got.text)
    kept = 0
    for i, char in enumerate(got.text):
        start, end = got.alignment.to_raw(i, i + 1)
        assert page[start:end] == char or (start == end and char in "\n ") or char in "\n "
        kept += page[start:end] == char
    dropped = sum(b.end - b.start for b in article.blocks) - kept
    assert 0 <= dropped <= len(article.blocks) - 1
    assert got.title in got.text.replace("\n", " ")


@settings(max_examples=400, deadline=None)
@given(pages)
def test_every_character_is_in_one_block_of_one_article(page: str) -> None:
    articles = PageSegmenter().segment(page)
    check_laws(page, articles)
    assert articles == PageSegmenter().segment(page)


@settings(max_examples=150, deadline=None)
@given(pages)
def test_assembled_text_knows_where_it_stands(page: str) -> None:
    for article in PageSegmenter().segment(page):
        check_assembled(page, article)


@settings(max_examples=100, deadline=None)
@given(texts(), st.floats(-50, 50), st.floats(0, 2))
def test_laws_hold_for_any_thresholds(page: str, opening: float, linking: float) -> None:
    check_laws(page, PageSegmenter(opening_threshold=opening, link_threshold=linking).segment(page))


@pytest.mark.parametrize("page", ["", " \n\t\u3000\n", "\r\n\r\n", "\u2028"])
def test_nothing_in_nothing_out(page: str) -> None:
    assert PageSegmenter().segment(page) == []
    assert read_lines(page) == []


@pytest.mark.parametrize("page", ["桥", "𠀀", "a", "■", "——", "（", "2021年9月28日", "（下转第九版）", "本报讯"])
def test_one_short_line_is_one_article(page: str) -> None:
    (article,) = PageSegmenter().segment(page)
    assert article.ranges() == ((0, len(page)),)


HOSTILE = {
    "one line": "砚川市，" * 250_000,
    "one line of ten million": "砚" * 10_000_000,
    "open brackets": "（" * 1_000_000,
    "one sentence over many short lines": "本报讯 砚川，" + "\n砚川市新桥" * 60_000,
    "short lines": "春\n" * 60_000,
    "questions": "好吗？\n" * 60_000,
    "captions": "桥\n■记者 唐维桢 摄\n" * 20_000,
    "beginnings without headlines": "■本报记者 唐维桢\n本报讯 桥通了。\n" * 20_000,
    "slogans": "甲乙\n丙丁\n戊己\n庚辛\n举报热线96110\n" * 10_000,
    "sub-headings": "本报讯 桥通了。\n" + "鹿泷县茶园开采，好。\n鹿泷茶园\n" * 20_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_linear_time(name: str) -> None:
    started = time.perf_counter()
    articles = PageSegmenter().segment(HOSTILE[name])
    took = time.perf_counter() - started
    assert sum(b.end - b.start for a in articles for b in a.blocks) > 0
    assert took < (1 if name.startswith(("one line", "open")) else 8)


def test_estimator_contract() -> None:
    segmenter = PageSegmenter(link_threshold=0.3)
    assert segmenter.get_params() == {"link_threshold": 0.3, "opening_threshold": 0.0}
    assert repr(segmenter) == "PageSegmenter(link_threshold=0.3)"
    with pytest.raises(ConfigurationError, match="opening_threshold"):
        segmenter.set_params(threshold=1)


def test_import_is_light() -> None:
    code = "import sys, tagger.page; print(*(m for m in ('sklearn', 'scipy', 'opencc', 'numba') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


# ---- the real pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEED_PAGES)
def test_seed_pages(seeds: dict[str, str], name: str) -> None:
    raw, expected = seeds[name], SEED_PAGES[name]
    assert hashlib.sha256(raw.encode()).hexdigest() == expected["sha256"]
    clean = Normalizer()(raw)
    found = []
    for article in PageSegmenter().segment(clean.text):
        ranges = [list(clean.alignment.to_raw(*r)) for r in article.ranges()]
        heads = [clean.alignment.to_raw(b.start, b.end) for b in article.blocks if b.role == "headline"]
        headline = [heads[0][0], heads[-1][1]] if heads else None
        found.append({"kind": article.kind, "headline": headline, "ranges": ranges})
    assert found == expected["articles"]


@pytest.mark.parametrize("name", SEED_PAGES)
def test_seed_pages_without_normalising(seeds: dict[str, str], name: str) -> None:
    articles = PageSegmenter().segment(seeds[name])
    check_laws(seeds[name], articles)
    assert [[list(r) for r in a.ranges()] for a in articles] == [a["ranges"] for a in SEED_PAGES[name]["articles"]]


def test_seed_pages_assembled(seeds: dict[str, str]) -> None:
    paragraphs = {}
    for name, raw in seeds.items():
        page = Normalizer()(raw).text
        articles = PageSegmenter().segment(page)
        for article in articles:
            check_assembled(page, article)
        paragraphs[name] = [assemble(page, a).body.count("\n") + 1 for a in articles if a.kind == "article"]
    # Counted by hand: what column breaks tore apart is one paragraph again.
    assert paragraphs["000"] == [6, 5, 3]
    assert paragraphs["003"] == [8]


# ---- pages composed from invented articles ------------------------------------------------------------------------


def composed(seed: int) -> tuple[str, list[int]]:
    rng = random.Random(seed)
    separator = rng.choice(["\n", "\n\n"])
    chosen = rng.sample(sorted(original_articles().values()), rng.randint(2, 9))
    chosen = [re.sub(r"\n+", separator, text) for text in chosen]
    starts = [sum(len(text) + len(separator) for text in chosen[:k]) for k in range(len(chosen))]
    return separator.join(chosen), starts


def test_composed_pages_are_cut_at_the_right_places() -> None:
    right = found = wanted = 0
    for seed in range(60):
        page, starts = composed(seed)
        cut = {a.ranges()[0][0] for a in PageSegmenter().segment(page)}
        right, found, wanted = right + len(cut & set(starts)), found + len(cut), wanted + len(starts)
    assert right / found >= 0.99
    assert right / wanted >= 0.99


def interleaved(rng: random.Random) -> Iterator[tuple[str, ...]]:
    """Yield pages where an article breaks off for the beginning of another, whose headline comes below."""
    signed = [
        t.split("\n")
        for t in original_articles().values()
        if re.match(r".+\n.+\n■本报记者[^摄]+\n本报讯 .+\n.+\n.+\n", t)
    ]
    while True:
        one, two = rng.sample(signed, 2)
        cut = rng.randint(5, len(one) - 1)
        page = [*one[:cut], two[2], two[3], *one[cut:], *two[:2], *two[4:]]
        yield "\n\n".join(page), one[0], two[1], two[3]


def test_a_beginning_is_joined_to_its_headline_or_to_none() -> None:
    joined = 0
    pages = interleaved(random.Random(0))
    for _ in range(60):
        page, first, second, lead = next(pages)
        found = [assemble(page, article).text for article in PageSegmenter().segment(page)]
        assert not any(lead in text and first in text for text in found)
        joined += any(lead in text and second in text for text in found)
    assert joined >= 40  # the rest shares too little with its headline to be sure


# ---- what newspapers print -----------------------------------------------------------------------------------------

LEAD = "本报讯 9月6日，砚川市新桥合龙，两岸群众赶来观看。"
MORE = "新桥全长820米，双向四车道，桥下可通千吨货船。"


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (["新桥合龙"], ["headline"]),
        (["苏砚秋在砚川市调研时强调——", "把路修到村口"], ["kicker", "headline"]),
        (["唐维桢检查防汛时要求", "守住每一段堤"], ["kicker", "headline"]),
        (["新桥合龙", "砚川市交通工作会举行 苏砚秋讲话"], ["headline", "subheadline"]),
        (["把路修到村口", "苏砚秋主持"], ["headline", "subheadline"]),
        (["一座桥的账", "——砚川新桥建设侧记"], ["headline", "subheadline"]),
        (["鹿泷县黑石坳村:", "“规”出新风 “约”出新貌"], ["headline", "headline"]),
        (["读者来信", "谢谢那盏路灯"], ["kicker", "headline"]),
        (["砚川市选举委员会公告", "（第三号）"], ["headline", "subheadline"]),
        (["图片新闻"], ["kicker"]),
        (["一个要求", "——见闻"], ["headline", "subheadline"]),
    ],
)
def test_head_roles(heads: list[str], expected: list[str]) -> None:
    assert head_roles(read_lines("\n".join(heads))) == expected


@pytest.mark.parametrize(
    ("line", "look"),
    [
        ("■本报记者 苏砚秋 通讯员 唐维桢", Look.BYLINE),
        ("本报记者苏砚秋", Look.BYLINE),
        ("□ 夏侯一鸣", Look.BYLINE),
        ("●通讯员 石玛依", Look.BYLINE),
        ("■本报评论员", Look.BYLINE),
        ("鹿泷日报记者 苏砚秋", Look.BYLINE),
        ("■本报记者 皇甫青 文/图", Look.BYLINE),
        ("记者：这座桥何时通车？", Look.QUERY),
        ("(欧阳牧之 邬丽娜)", Look.SIGNATURE),
        ("（第三号）", Look.TITLE),
        ("■见习记者 桑吉 摄", Look.CREDIT),
        ("本报讯 昨日，桥通了。", Look.DATELINE),
        ("【本报讯】昨日，桥通了。", Look.DATELINE),
        ("本报鹿泷6月1日电 （记者 艾琳）桥通了。", Look.DATELINE),
        ("新华社砚川6月1日电 桥通了。", Look.DATELINE),
        ("砚川新闻网7月9日讯(记者 苏砚秋)桥通了。", Look.DATELINE),
        ("（记者 苏砚秋 通讯员 石玛依）昨日，砚川市的新桥终于通车了。", Look.DATELINE),
        ("图为村民在新桥上散步。", Look.CAPTION),
        ("村民在新桥上散步。（本报记者 桑吉 摄）", Look.CAPTION),
        ("砚川日报", Look.MASTHEAD),
        ("YANCHUAN DAILY", Look.MASTHEAD),
        ("国内统一连续出版物号 CN 99-0001", Look.MASTHEAD),
        ("2021年9月28日 星期二 农历辛丑年八月廿二", Look.MASTHEAD),
        ("新闻热线:3362109", Look.MASTHEAD),
        ("今日十二版", Look.MASTHEAD),
        ("第4321号", Look.MASTHEAD),
        ("责任编辑：石玛依 版式：艾琳", Look.MASTHEAD),
        ("河湖保护举报热线96110", Look.NOTICE),
        ("砚川市河长办 砚川市水利局 宣", Look.NOTICE),
        ("2021年9月28日", Look.DATE),
        ("（下转第九版）", Look.JUMP),
        ("详见2版", Look.JUMP),
        ("(上接第1版)", Look.JUMP),
        ("新桥合龙 茶园开采", Look.TITLE),
        ("苏砚秋强调,要把路修到村口", Look.BODY),
        ("一、登记时间", Look.BODY),
        ("电话：12380", Look.BODY),
        ("亲爱的选民朋友：", Look.BODY),
        ("口的路灯。", Look.BODY),
        ("𠀀" * 60, Look.BODY),
    ],
)
def test_looks(line: str, look: Look) -> None:
    assert read_lines(line)[0].look is look


def test_jumps_are_blocks_of_their_own() -> None:
    page = f"新桥合龙\n{LEAD}\n两岸群众说 (下转第九版)\n茶园开采\n本报讯 昨日开采。\n(上接第一版) 雨季将至。"
    assert roles(page) == [["headline", "body", "body", "jump"], ["headline", "body"], ["jump", "body"]]
    for article in PageSegmenter().segment(page):
        check_assembled(page, article)


def test_short_pieces_of_a_broken_column_open_nothing() -> None:
    page = (
        f"新桥合龙\n■本报记者 苏砚秋\n{LEAD}\n苏砚秋强调,要守住安全这条\n\n底线,把路修到每一个村的村\n\n口去。\n{MORE}"
    )
    (article,) = PageSegmenter().segment(page)
    assert assemble(page, article).body == f"{LEAD}\n苏砚秋强调,要守住安全这条底线,把路修到每一个村的村口去。\n{MORE}"


def test_a_doubled_character_stands_once() -> None:
    page = "新桥合龙\n本报讯 昨日，砚川市学习贯彻新思想\n\n想的会议举行，部署工作。"
    (article,) = PageSegmenter().segment(page)
    got = assemble(page, article)
    assert got.body == "本报讯 昨日，砚川市学习贯彻新思想的会议举行，部署工作。"
    assert got.text[got.text.index("想的") :] == "想的会议举行，部署工作。"


def test_sub_headings_open_nothing_and_headlines_do() -> None:
    section = "新桥的桥下可通千吨货船，新桥全长820米，两岸群众都来观看新桥。"
    page = f"新桥合龙\n■本报记者 苏砚秋\n{LEAD}{MORE}\n桥下通航\n{section}"
    assert titles(page) == ["新桥合龙"]
    assert titles(page, opening_threshold=-50.0) == ["新桥合龙", "桥下通航"]


def test_bulletins() -> None:
    page = (
        "鹿泷县茶园开采\n今天，鹿泷县五万亩茶园开采，首日收茶三百斤。\n\n砚川市启动古树普查\n"
        "砚川市昨天启动古树普查，将为百年古树建档。\n霁城地铁三号线开通\n霁城地铁三号线今天开通，全长21公里。"
    )
    assert titles(page) == ["鹿泷县茶园开采", "砚川市启动古树普查", "霁城地铁三号线开通"]


def test_captions_leave_the_article_before_alone() -> None:
    caption = "9月6日，鹿泷县黑石坳村的孩子们在新桥上放风筝，引来众人观看。"
    page = (
        f"新桥合龙\n{LEAD}\n市领导龚若水参加。\n{caption}\n■见习记者 桑吉 摄\n守住安全底线\n■本报评论员\n安全无小事。"
    )
    assert shown(page) == [("article", "新桥合龙"), ("caption", ""), ("article", "守住安全底线")]
    assert roles(page)[1] == ["caption", "byline"]


def test_an_article_goes_on_behind_a_picture() -> None:
    page = f"新桥合龙\n■本报记者 苏砚秋\n{LEAD}\n图为新桥。\n{MORE}\n茶园开采\n{LEAD}"
    assert roles(page) == [["headline", "byline", "body", "body"], ["caption"], ["headline", "body"]]


def test_notices_with_those_who_sign() -> None:
    text = "现将有关事项公告如下：\n一、登记自9月起。\n特此公告。\n砚川市选举委员会\n2021年9月28日"
    page = f"砚川市选举委员会公告\n（第三号）\n{text}\n新桥合龙\n{LEAD}"
    assert shown(page) == [("notice", "砚川市选举委员会公告"), ("article", "新桥合龙")]
    assert roles(page)[0] == ["headline", "subheadline", "body", "body", "body", "byline", "byline"]


def test_masthead_and_slogan() -> None:
    masthead = "砚川日报\n砚川市委主办\n不忘来路\n新闻热线:3362109"
    slogan = "党建★领航\n系统整治\n砚川市河长办 宣\n举报热线96110"
    page = f"{masthead}\n新桥合龙\n{LEAD}\n\n{slogan}"
    assert shown(page) == [("masthead", ""), ("article", "新桥合龙"), ("notice", "")]
    assert [len(r) for r in roles(page)] == [4, 2, 4]


def test_a_column_name_below_the_byline_is_nobodys_headline() -> None:
    page = f"新桥合龙\n■本报记者 苏砚秋\n创建文明城市\n两岸群众赶来观看。{MORE}"
    assert roles(page) == [["kicker", "headline", "byline", "body"]]
    assert assemble(page, PageSegmenter().segment(page)[0]).text.startswith(
        "创建文明城市\n新桥合龙\n■本报记者 苏砚秋\n"
    )


INTERLEAVED = (
    "市审计委员会开会\n■本报记者 苏砚秋\n"
    "本报讯 3月3日，市审计委员会听取审计工作汇报，部署审计整改。\n会议审议审计项目计划。\n"
    "■通讯员 艾琳\n本报讯 纪录片《一座桥》昨晚首播，在砚川引起热议，市民争相收看。\n《一座桥》讲述建桥人的故事。\n"
    "会议强调，要做好审计项目，加强审计整改。\n市领导龚若水出席审计委员会会议。\n"
    "听建桥人讲故事\n纪录片《一座桥》在砚川引起热议\n首播当晚，退休焊工同三百多名乡亲坐在黑石坳的晒谷场上，看得不肯散去。"
)


def test_an_interrupted_article_gets_its_text_back() -> None:
    audit, film = PageSegmenter().segment(INTERLEAVED)
    assert [b.role for b in audit.blocks] == ["headline", "byline", "body", "body", "body", "body"]
    assert [b.role for b in film.blocks] == ["headline", "subheadline", "byline", "body", "body", "body"]
    text = assemble(INTERLEAVED, film)
    assert text.title == "听建桥人讲故事"
    assert "审计" not in text.text
    assert film.blocks[0].start > film.blocks[2].start


def test_nothing_is_linked_above_one() -> None:
    assert titles(INTERLEAVED, link_threshold=1.1) == ["市审计委员会开会", "", "听建桥人讲故事"]


def test_a_strange_headline_is_not_linked() -> None:
    page = INTERLEAVED.replace("纪录片《一座桥》在砚川引起热议", "霁城地铁开通").replace(
        "听建桥人讲故事", "三号线今起载客"
    )
    assert titles(page) == ["市审计委员会开会", "", "三号线今起载客"]


def test_article_of_another_page() -> None:
    with pytest.raises(InputError, match="not inside a text of 2 characters"):
        assemble("新桥", PageArticle("article", (Block(0, 5, "body"),)))


def test_opening_score_needs_text_below() -> None:
    assert opening_score("新桥合龙", "", "茶园开采。") == float("-inf")
    assert opening_score("新桥合龙", "abc", "茶园开采。") == float("-inf")
