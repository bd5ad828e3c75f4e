from __future__ import annotations

import copy
import hashlib
import pickle
import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import random_texts, texts

from tagger.errors import ConfigurationError
from tagger.text._pinyin import SYLLABLES, gloss_edits
from tagger.text._script import is_traditional
from tagger.text.normalize import (
    DEFAULT_STEPS,
    STEPS,
    Normalized,
    Normalizer,
    clean_controls,
    join_lines,
    remove_pinyin,
    simplify,
    unify_width,
)

DEFAULT = Normalizer()
EVERYTHING = Normalizer(steps=(*DEFAULT_STEPS, "lines"), config="tw2sp")


def check_laws(raw: str, done: Normalized) -> None:
    """Check that the alignment fits both texts, keeps their order, and leads there and back."""
    alignment = done.alignment
    n_raw, n_clean = len(raw), len(done.text)
    assert (alignment.n_raw, alignment.n_clean) == (n_raw, n_clean)
    if alignment.is_identity or not n_clean:
        return
    lo, hi = alignment.lo, alignment.hi
    assert lo[0] >= 0 and hi[-1] <= n_raw
    assert (lo <= hi).all() and (lo[1:] >= lo[:-1]).all() and (hi[1:] >= hi[:-1]).all()
    start, end = n_clean // 3, n_clean - n_clean // 4
    back = alignment.to_clean(*alignment.to_raw(start, end))
    assert back[0] <= start and end <= back[1]
    start, end = n_raw // 3, n_raw - n_raw // 4
    first, last = alignment.to_clean(start, end)
    there = alignment.to_raw(first, last)
    kept = (lo < end) & (hi > start)
    assert not kept.any() or (there[0] <= lo[kept].min() and hi[kept].max() <= there[1])


def check_text(raw: str) -> None:
    check_laws(raw, EVERYTHING(raw))
    done = DEFAULT(raw)
    check_laws(raw, done)
    assert DEFAULT(done.text).text == done.text


@given(texts())
@example("\ud800(wǎng)𠀋\r\n")
@example("")
@example("（" * 50)
def test_laws(raw: str) -> None:
    check_text(raw)


def test_laws_on_many_texts() -> None:
    for raw in random_texts(5_000, seed=1):
        check_text(raw)


@pytest.mark.slow
def test_laws_on_a_hundred_thousand_texts() -> None:
    for i, raw in enumerate(random_texts(100_000, seed=2, max_pieces=9)):
        if i % 4:
            check_laws(raw, EVERYTHING(raw))
        else:
            check_text(raw)


@given(texts())
def test_what_no_step_replaced_is_itself(raw: str) -> None:
    for step in (clean_controls, remove_pinyin, join_lines):
        done = step(raw)
        check_laws(raw, done)
        for char, lo, hi in zip(done.text, done.alignment.lo.tolist(), done.alignment.hi.tolist(), strict=True):
            assert raw[lo:hi] == char or (char in " \n\ufffd" and step is not remove_pinyin)


@given(texts())
def test_steps_that_replace_one_for_one_say_so(raw: str) -> None:
    done = unify_width(raw)
    assert done.alignment.is_identity and len(done.text) == len(raw)
    assert unify_width(done.text).text == done.text


@given(st.text("砚川市鹿泷县会议，。", max_size=40))
def test_a_clean_text_stays_and_aligns_as_identity(text: str) -> None:
    done = DEFAULT(text)
    assert done.text == text
    assert done.alignment.is_identity


# ---- controls


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("砚\u200b川\ufeff市\u2060", "砚川市"),
        ("a\r\nb\rc\u2028d\u2029e\x85f\x0bg\x0ch\ni\tj", "a\nb\nc\nd\ne\nf\ng\nh\ni\tj"),
        ("砚\xa0川\u2003市\u3000县", "砚 川 市\u3000县"),
        ("\x00砚\x1f川\x7f\x9f", "砚川"),
        ("砚\xad川\u202e市", "砚川市"),
        ("👩\u200d🌾砚\u200d川", "👩\u200d🌾砚川"),
        ("𠀋\u200d𠀋", "𠀋𠀋"),
        ("砚\ud800川", "砚\ufffd川"),
        ("e\u0301", "e\u0301"),
        ("", ""),
    ],
)
def test_controls(raw: str, clean: str) -> None:
    assert clean_controls(raw).text == clean


# ---- pinyin


@pytest.mark.parametrize(
    "gloss",
    [
        *("(wǎng)", "（wǎng）", "(Wǎng)", "(wa\u030cng)", "(wang3)", "(wɑ\u030cnɡ)", "（ｗǎｎｇ）"),
        *("(lǜ)", "(lü)", "(lu:4)", "(lv4)", "(nüè)", "(ér)", "(ā)", "(ńg)", "(ê\u0301)"),
    ],
)
def test_glosses_go(gloss: str) -> None:
    raw = f"硯川網{gloss}站"
    done = remove_pinyin(raw)
    assert done.text == "硯川網站"
    start, end = done.alignment.to_raw(2, 4)
    assert raw[start:end] == f"網{gloss}站"


@pytest.mark.parametrize(
    "kept",
    [
        *("市(GDP)", "式(EOD)", "网(上海)有限", "件(1)", "纸(A4)", "室(a1)", "图(Ma4)", "他(he)", "一个(an)", "甲(A)"),
        *("网( wǎng)", "网(wǎnwǎng)", "网(wǎng", "网wǎng)", "网[wǎng]", "a(wǎng)", "(wǎng)", "\n(wǎng)", "网(bǔg)"),
        *("网(wǎng1)", "网(wǎ\u030cng)", "网((wǎng)wǎng)", "网()", "记(记者 王)", "网(𠀋)"),
    ],
)
def test_other_brackets_stay(kept: str) -> None:
    assert remove_pinyin(kept).text == kept


def test_bare_syllables_go_only_where_the_text_is_full_of_glosses() -> None:
    sure = "動(dòng)網(wǎng)絡(luò)創(chuàng)強(qiáng)"
    assert remove_pinyin(sure + "們(men)他(he)").text == "動網絡創強們他"
    assert remove_pinyin(sure[:7] + "他(he)們(men)").text == "動他(he)們(men)"
    bare = "動(dong)網(wang)絡(luo)創(chuang)強(qiang)區(qu)領(ling)導(dao)時(shi)專(zhuan)"
    assert remove_pinyin(bare).text == "動網絡創強區領導時專"
    assert remove_pinyin(bare + "省(GDP)式(EOD)").text == bare + "省(GDP)式(EOD)"


def test_glosses_in_a_row_go_until_something_else_stands_between() -> None:
    assert remove_pinyin("長(cháng)(zhǎng)(GDP)(cháng)").text == "長(GDP)(cháng)"


def test_syllables_are_the_closed_list() -> None:
    assert 400 <= len(SYLLABLES) <= 420
    assert {"zhuang", "lüe", "er", "a", "yuan", "qiong"} <= SYLLABLES
    assert not {"bong", "jang", "wong", "vi", "to", "the", "ki"} & SYLLABLES


# ---- width


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("砚川市,鹿泷县;会议:好?好!", "砚川市，鹿泷县；会议：好？好！"),
        ("２０２４年，增长３．５％", "2024年，增长3.5%"),
        ("人口3,000人，10:30到，1:3", "人口3,000人，10:30到，1:3"),
        ("CN 43-0004, page 2", "CN 43-0004, page 2"),
        ("网址:http://a.cn/b?c=(d),e", "网址：http://a.cn/b?c=(d),e"),
        ("见www.yanchuan.cn:80，欢迎", "见www.yanchuan.cn:80，欢迎"),
        ("工业4.0,全市GDP(2024)", "工业4.0，全市GDP（2024）"),
        ("Growth（2024）, up", "Growth(2024), up"),
        ("(GDP)", "(GDP)"),
        ("砚川(市\n市)县", "砚川（市\n市）县"),
        ("会议(GDP(3%)和B)召开", "会议（GDP（3%）和B）召开"),
        ('他说:"好。"', "他说：“好。”"),
        ('他说:"好。', '他说："好。'),
        ('"fine," he said', '"fine," he said'),
        ('屏幕6"和8"的', '屏幕6"和8"的'),
        ("会议召开.\n部署工作.", "会议召开。\n部署工作。"),
        ("会议召开.部署工作.", "会议召开。部署工作。"),
        ("阿力·古丽。阿力.古丽来。", "阿力·古丽。阿力.古丽来。"),
        ("一.\n会议", "一.\n会议"),
        ("等...", "等..."),
        ("阿力•古丽・砚", "阿力·古丽·砚"),
        ("⽂件豈", "文件豈"),
        ("砚　川", "砚 川"),
        ("𠀋,𠀋", "𠀋，𠀋"),
        ("か,な", "か，な"),
        ("，", "，"),
        ("(\n", "(\n"),
        ("！\nabc", "!\nabc"),
        ("!\n砚川", "！\n砚川"),
        ("", ""),
    ],
)
def test_width(raw: str, clean: str) -> None:
    assert unify_width(raw).text == clean
    assert unify_width(clean).text == clean


def test_both_widths_of_a_mark_come_out_alike() -> None:
    for chinese, western in zip("，；：？！（）", ",;:?!()", strict=True):
        for around in ("砚{}川", "a{}b", "a{}川", "砚 {} 3", "3{}4", "{}砚", "砚a{}", "\n{}\n砚"):
            assert unify_width(around.format(chinese)).text == unify_width(around.format(western)).text


# ---- script


def test_simplified_texts_with_a_traditional_name_stay() -> None:
    text = "砚川市召开会议，陳學健出席并讲话，乾隆年间的瞭望台和著作于近期开放参观。"
    assert simplify(text).text == text
    assert simplify(text).alignment.is_identity


def test_traditional_by_evidence() -> None:
    assert is_traditional("硯川縣", min_share=0.03)
    assert not is_traditional("", min_share=0.03)
    assert not is_traditional("砚川", min_share=0.0)
    assert not is_traditional("公里" * 100 + "縣", min_share=0.03)
    assert not is_traditional("abc 123", min_share=0.03)


@pytest.mark.parametrize("config", ["t2s", "tw2s", "tw2sp", "hk2s", "hk2sp"])
def test_every_configuration_converts(config: str) -> None:
    raw = "硯川縣「召開會議」，鹿瀧縣𠀋區報導"
    done = simplify(raw, config=config)
    check_laws(raw, done)
    assert done.text.startswith("砚川县“召开会议”，鹿泷县𠀋区报")


def test_phrases_that_change_their_length_align_as_a_phrase() -> None:
    raw = "會議用記憶體和滑鼠,計程車,記憶體"
    done = simplify(raw, config="tw2sp")
    assert done.text == "会议用内存和鼠标,出租车,内存"
    for word, source in (("内存", "記憶體"), ("鼠标", "滑鼠"), ("出租车", "計程車"), ("会议", "會議")):
        start = done.text.index(word)
        lo, hi = done.alignment.to_raw(start, start + len(word))
        assert raw[lo:hi] == source
    assert done.alignment.to_raw(3, 4) == (3, 6)


def test_a_long_line_without_punctuation_converts_in_linear_time() -> None:
    raw = "硯川縣記憶體會議" * 20_000
    start = time.perf_counter()
    done = simplify(raw, config="tw2sp")
    assert time.perf_counter() - start < 5
    assert done.text == "砚川县内存会议" * 20_000
    assert done.alignment.to_raw(3, 5) == (3, 6)
    assert done.alignment.to_raw(len(done.text) - 2, len(done.text)) == (len(raw) - 2, len(raw))


@given(st.text("硯川縣記憶體滑鼠計程車網路軟體乾隆著於后後里裡", min_size=1, max_size=30))
def test_conversion_never_drifts(raw: str) -> None:
    once = simplify(raw, config="tw2sp")
    check_laws(raw, once)
    assert once.alignment.to_raw(0, len(once.text)) == (0, len(raw))
    assert (once.alignment.lo < once.alignment.hi).all()


# ---- the whole


def test_normalizer_is_a_value() -> None:
    assert Normalizer() == Normalizer(steps=list(DEFAULT_STEPS))
    assert Normalizer(config="tw2sp") != Normalizer()
    assert pickle.loads(pickle.dumps(EVERYTHING)) == copy.deepcopy(EVERYTHING) == EVERYTHING
    assert hash(Normalizer()) == hash(Normalizer())
    assert "tw2sp" in repr(EVERYTHING)
    assert set(DEFAULT_STEPS) < set(STEPS)


def test_steps_can_be_left_out_and_ordered() -> None:
    assert Normalizer(steps=())("砚,\u200b川").text == "砚,\u200b川"
    assert Normalizer(steps=("width",))("砚,\u200b川").text == "砚，\u200b川"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"steps": ("width", "wdith")}, "'wdith'; choose from controls, pinyin, width, simplify, lines"),
        ({"config": "s2t"}, "'s2t'.*t2s, tw2s"),
        ({"min_traditional": 2}, r"min_traditional=2.*\[0, 1\]"),
    ],
)
def test_wrong_parameters_are_said(parameters: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Normalizer(**parameters)


@pytest.mark.parametrize("piece", ["(", "砚,", '"', "(wǎng)", "硯", "\r\n", "砚(", "\u200d", "a.", "（）"])
def test_long_texts_of_one_kind_take_linear_time(piece: str) -> None:
    raw = piece * (400_000 // len(piece))
    start = time.perf_counter()
    done = EVERYTHING(raw)
    assert time.perf_counter() - start < 5
    check_laws(raw, done)


def test_import_is_light_and_conversion_is_loaded_only_when_needed() -> None:
    code = (
        "import sys, tagger.text as t; t.Normalizer()('砚川市，召开会议(上海)');"
        "print([m for m in ('sklearn', 'scipy', 'pandas', 'opencc', 'numba', 'jieba') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# ---- the real pages; facts only: counts, offsets and hashes


def test_glossed_seed_page(seeds: dict[str, str]) -> None:
    raw = seeds["003"]
    assert len(gloss_edits(raw)) == 298
    done = Normalizer(steps=("controls", "pinyin", "width"))(raw)  # whose outcome is no matter of dictionaries
    check_laws(raw, done)
    brackets = [i for i, char in enumerate(done.text) if char in "(（"]
    assert brackets == [10]
    assert len(done.text) == 1483
    assert not [c for c in done.text if unicodedata.name(c, "").startswith("LATIN SMALL LETTER") and not c.isascii()]
    assert hashlib.sha256(done.text.encode()).hexdigest()[:16] == "2ab857a311cc93d9"


@pytest.mark.parametrize("name", ["000", "001", "002", "004"])
def test_simplified_seed_pages_keep_every_offset(seeds: dict[str, str], name: str) -> None:
    done = DEFAULT(seeds[name])
    assert done.alignment.is_identity
    assert DEFAULT(done.text).text == done.text
    assert not set(",;?!") & set(done.text)
