from __future__ import annotations

import re

import pytest
from hypothesis import given
from strategies import texts

from tagger.text._layout import Seam, glue, line_width, seam
from tagger.text.normalize import join_lines

BODY = "会议指出，要扎实推进砚川市民广场建设"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("会议指出，要抓好落实。", "会议要求，各地要行动。"),
        ("他说：“要抓好落实。”", "会议要求，各地要行动。"),
        ("会议通过了《办法》。", "会议要求，各地要行动。"),
        ("会议要求如下：", "各地要行动起来，抓好落实。"),
        ("砚川市召开会议部署工作", "鹿泷县抓好春耕"),
        ("砚川市召开会议部署工作", "会议要求，各地要行动。"),
        ("砚川市召开会议部署工作", "■本报记者 沈砚"),
        (BODY, "■本报记者 沈砚"),
        (BODY, "本报讯 （记者 沈砚） 会议召开，"),
        (BODY, "——砚川市见闻，其一"),
        (BODY, "（一）提高认识，"),
        (BODY, "1.提高认识，"),
        (BODY, "\u3000\u3000会议要求，各地要行动。"),
        (BODY + "（下转第六版）", "会议要求，各地要行动。"),
        (BODY + "。（记者 沈砚）", "会议要求，各地要行动。"),
        ("官方网站：砚川在线", "新闻热线：12345"),
        ("砚川市举行会议，强调——", "抓好春耕生产"),
        ("", "会议要求，各地要行动。"),
        (BODY, ""),
        (" \n", "会议"),
    ],
)
def test_new_paragraphs(left: str, right: str) -> None:
    assert seam(left, right) is Seam.PARAGRAPH


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (BODY, "和二期工程，方便群众。"),
        ("会议指出，要推进建设、", "管理和服务，方便群众。"),
        ("会议指出，要推进建设，", "方便群众。"),
        ("会议通过了《砚川市", "市民广场管理办法》，"),
        ("会议要求落实“三个", "一批”部署，"),
        ("会议决定（全年", "有效）并公布，"),
        ("会议指出，要落实“新五条”", "部署，抓好管理。"),
        ("人口增长，达到1", "500人，其中"),
        ("会议指出，要", "一是抓好落实，"),
        ("会议指出，占比2", ".5%，其中"),
        ("会议指出，到𠀋", "村调研。"),
    ],
)
def test_sentences_cut_in_the_middle(left: str, right: str) -> None:
    assert seam(left, right) is Seam.JOIN


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("会议指出，要学习新思想", "想的内容，抓好落实。"),
        ("会议指出，要推进市民广", "广，方便群众。"),
        ("会议指出，要谋划新发展", "展的道路，"),
    ],
)
def test_characters_printed_twice(left: str, right: str) -> None:
    assert seam(left, right) is Seam.JOIN_DROP_DOUBLE


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("会议指出，要为群众天", "天的需要服务，"),
        ("会议指出，要让环境干", "干净净，"),
        ("会议指出，要让环境干干净", "净，"),
        ("会议指出，要用心", "用心再用心，"),
        ("会议指出，通过审议", "议题，"),
        ("会议指出，要达到项目", "目的，"),
        ("会议指出，要办好所有", "有的事，"),
        ("会议指出，增长3", "3倍，"),
        ("会议指出，让大家想", "想，"),
        ("会议指出，哈哈", "哈，"),
    ],
)
def test_doubles_that_may_be_words_stay(left: str, right: str) -> None:
    assert seam(left, right) is Seam.JOIN


def test_a_dictionary_settles_doubles() -> None:
    words = {"会议", "议题", "审议", "建设"}
    with_words = {"is_word": words.__contains__}
    assert seam("会议指出，通过审议", "议题讨论，", **with_words) is Seam.JOIN
    assert seam("会议指出，推进建设", "设一流广场，", **with_words) is Seam.JOIN_DROP_DOUBLE
    assert seam("会议指出，推进砚设", "设一流广场，", **with_words) is Seam.JOIN


def test_what_the_caller_knows_counts() -> None:
    left, right = "本次论坛邀请砚川大学", "教授沈某等五人参加，"
    assert seam(left, right) is Seam.PARAGRAPH
    assert seam(left, right, is_body=True) is Seam.JOIN
    assert seam(left, right, width=len(left)) is Seam.JOIN


def test_glue() -> None:
    assert glue("Green", "Bond") == " "
    assert glue("Green,", "Bond") == " "
    assert glue("砚川", "市") == glue("砚川", "Bond") == glue("Green", "市") == glue("12", "34") == glue("", "") == ""


WRAPPED = (
    "砚川市人民政府昨日召开全体会议\n部署全年重点工作并通报上年情况\n会议指出要坚持稳中求进总的基调\n"
    "扎实做好各项民生工作让群众得到\n实惠。\n会议要求各地各部门加强协调配合\n形成合力抓好落实。"
)


@pytest.mark.parametrize("line_end", ["\n", "\n\n", " \n"])
def test_lines_wrapped_at_a_fixed_width(line_end: str) -> None:
    assert line_width(WRAPPED) == 15
    joined = join_lines(WRAPPED.replace("\n", line_end)).text
    paragraphs = [p for p in joined.split("\n") if p.strip()]
    assert [p.strip() for p in paragraphs] == [
        WRAPPED.replace("\n", "").partition("会议要求")[0],
        "会议要求各地各部门加强协调配合形成合力抓好落实。",
    ]


def test_full_lines_that_end_a_sentence_go_on_where_blank_lines_mark_paragraphs() -> None:
    raw = "砚川市召开会议部署\n会议通过三项决定。\n会议要求抓好落实并\n及时报告有关的情况\n。\n\n会议号召大家努力。"
    assert join_lines(raw).text.count("\n") == 2


def test_headline_and_byline_stay_on_their_own() -> None:
    raw = (
        "砚川市召开会议，部署全年工作\n■本报记者 沈砚\n本报讯 会议指出，要推进\n\n市民广场建设。\n会议要求，抓好落实。"
    )
    joined = "砚川市召开会议，部署全年工作\n■本报记者 沈砚\n本报讯 会议指出，要推进市民广场建设。\n会议要求，抓好落实。"
    done = join_lines(raw)
    assert done.text == joined
    start = joined.index("市民")
    lo, hi = done.alignment.to_raw(start - 1, start + 1)
    assert raw[lo:hi] == "进\n\n市"


def test_the_double_is_dropped_with_the_break() -> None:
    raw = "会议召开\n会议指出，要学习新思想\n\n想的内容，抓好落实。"
    done = join_lines(raw)
    assert done.text == "会议召开\n会议指出，要学习新思想的内容，抓好落实。"
    at = done.text.index("的内容")
    assert done.alignment.to_raw(at - 1, at + 1) == (raw.index("\n\n") - 1, raw.index("的内容") + 1)


def test_english_words_keep_a_space() -> None:
    raw = "会议召开\n会议指出，通过 Green\nBond 模式，扩大投资。"
    assert join_lines(raw).text == "会议召开\n会议指出，通过 Green Bond 模式，扩大投资。"


@given(texts())
def test_joining_only_takes_away_breaks_spaces_and_doubles(raw: str) -> None:
    done = join_lines(raw).text
    kept = iter(done)
    gone = [char for char in raw if not _next_is(kept, char)]
    assert len(re.findall(r"\S", raw)) - len(re.findall(r"\S", done)) <= raw.count("\n")
    assert gone or done == raw


def _next_is(kept: object, char: str) -> bool:
    return next(kept, None) == char


def test_seed_pages_join_where_a_column_broke(seeds: dict[str, str]) -> None:
    broken = [i for i in range(1, len(seeds["000"])) if seeds["000"].startswith("\n\n", i)]
    done = join_lines(seeds["000"])
    joined = [i for i in broken if "\n" not in _between(done.text, done.alignment.to_clean(i - 1, i)[0])]
    assert joined == [313, 570, 849, 1490, 1833, 2176, 2718, 2837]


def _between(text: str, at: int) -> str:
    return text[at : at + 2]
