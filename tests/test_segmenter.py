from __future__ import annotations

import copy
import itertools
import json
import lzma
import pickle
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.errors import ConfigurationError, InputError
from tagger.text.segmenter import Segmenter, dictionary_sha256

SENTENCES = [
    "本报讯 (记者 沈砚秋) 3月12日上午,砚川市召开2024年度审计整改工作推进会。",
    "鹿泷县高新区新签约项目12个,总投资86.5亿元,同比增长17.3%。",
    "会议强调:要记住“先量后裁”,把绿道建设当作口碑工程来办!",
    "《砚川市绿道专项规划(2023—2031年)》经市人大常委会审议通过。",
    "鹿瀧縣第三屆運動會將於下月舉行,參賽選手逾千人。",
    "联系电话:0000-1234567 E-mail: news@example.cn\r\n官网 http://example.cn/a?b=1",
    "　　砚川新区·云谷（一期）ＰＰＰ项目开工\t\n\n■本报通讯员　白露",
    "𠮷田先生说:“鱻字旁的㐀很少见。”😀👨‍👩‍👧 e\u0301 é ①②③ Ⅳ ㎡ №5",
    "C++和C#课程的及格率是98.6%,B站UP主a_b.c获奖;*ST砚机涨停。",
    "ok\u200b零宽\ufeff空格\u00a0与\u2028行分隔\u0085\x1c控制\x00符",
]
CHARACTERS = "".join(dict.fromkeys("".join(SENTENCES))) + "鿖鿿豈\U00030000"
WORDS = ["砚川市", "鹿泷·新城", "TOD 2.0 试点", "*ST砚机", "[砚]川", "5G", "AI", "沈 砚秋", "·", "2024年度审计"]

mixed = st.text(st.sampled_from(CHARACTERS), max_size=40)
anything = st.text(st.characters(), max_size=40)  # surrogates too
quick = settings(deadline=None, max_examples=200)


@pytest.fixture(scope="module")
def jieba() -> Any:
    """A tokenizer of jieba that nobody else has, without its cache in the temporary folder."""
    import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def joined_at_random(n: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    alphabets = (CHARACTERS, "aC1中砚川市.%+-_#&㐀 ")
    texts = ["".join(chance.choices(alphabets[i % 2], k=chance.randint(0, 25))) for i in range(n)]
    return texts + ["".join(chance.sample(SENTENCES, 4)) for _ in range(n // 20)]


# The words are jieba's


@pytest.mark.parametrize("hmm", [False, True])
@pytest.mark.parametrize("engine", ["rjieba", "jieba"])
def test_words_are_those_of_jieba(jieba: Any, engine: Any, hmm: bool) -> None:
    segmenter = Segmenter(engine=engine, hmm=hmm)
    for text in SENTENCES + joined_at_random(6000, seed=int(hmm)):
        assert segmenter.cut(text) == jieba.lcut(text, HMM=hmm), text


@pytest.mark.parametrize("hmm", [False, True])
def test_every_character_is_cut_as_by_jieba(jieba: Any, hmm: bool) -> None:
    segmenter = Segmenter(hmm=hmm)
    # every character below U+3400 or of the compatibility blocks, and some of each block of ideographs and beyond
    codes = [*range(0x3400), *range(0x3400, 0xF900, 97), *range(0xF900, 0x10000), *range(0x10000, 0x110000, 997)]
    for code in codes:
        text = f"{chr(code)}a{chr(code)}中{chr(code)}{chr(code)}"
        assert segmenter.cut(text) == jieba.lcut(text, HMM=hmm), hex(code)


def test_only_ties_of_the_hmm_may_fall_differently(jieba: Any) -> None:
    for n in range(1, 30):
        assert Segmenter().cut("杭" * n) == jieba.lcut("杭" * n, HMM=False)
        ours, theirs = Segmenter(hmm=True).cut("杭" * n), jieba.lcut("杭" * n, HMM=True)
        assert sorted(ours) == sorted(theirs)
    assert Segmenter(hmm=True).cut("杭" * 5) in (["杭" * 2, "杭" * 3], ["杭" * 3, "杭" * 2])


@pytest.mark.parametrize("hmm", [False, True])
def test_a_lone_surrogate_is_a_word_as_in_jieba(jieba: Any, hmm: bool) -> None:
    for text in ("\ud800", "砚川\udfff市", "a\ud800\ud801b", "\udc00\ud800中㐀\ud800"):
        assert Segmenter(hmm=hmm).cut(text) == jieba.lcut(text, HMM=hmm)


def test_words_of_real_headlines_are_those_of_jieba(jieba: Any, shared: Path) -> None:
    path = shared / "corpora" / "raw" / "rmrb_titles.jsonl.xz"
    if not path.is_file():
        pytest.skip(f"the headlines are missing: {path}")
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        titles = [json.loads(line)["title"] for number, line in enumerate(lines) if number % 11 == 0][:20_000]
    assert len(titles) == 20_000
    segmenter = Segmenter()
    n_different = sum(segmenter.cut(title) != jieba.lcut(title, HMM=False) for title in titles)
    assert n_different == 0


@pytest.mark.parametrize("hmm", [False, True])
def test_words_of_real_pages_are_those_of_jieba(jieba: Any, seeds: dict[str, str], hmm: bool) -> None:
    for number, text in seeds.items():
        same = Segmenter(hmm=hmm).cut(text) == jieba.lcut(text, HMM=hmm)  # the text must not enter a report
        assert same, f"page {number}"


# Properties


@quick
@given(text=mixed | anything, hmm=st.booleans(), words=st.sampled_from([(), WORDS]))
def test_words_join_to_the_text(text: str, hmm: bool, words: list[str]) -> None:
    cut = Segmenter(hmm=hmm, user_words=words).cut(text)
    assert "".join(cut) == text
    assert all(cut)


@quick
@given(text=mixed | anything, words=st.sampled_from([(), WORDS]))
def test_boundaries_are_those_of_the_words(text: str, words: list[str]) -> None:
    segmenter = Segmenter(user_words=words)
    offsets = segmenter.boundaries(text)
    assert offsets.dtype == np.int32
    assert [text[i:j] for i, j in itertools.pairwise(offsets)] == segmenter.cut(text)
    assert offsets[0] == 0 and offsets[-1] == len(text)


def test_boundaries_of_nothing() -> None:
    for words in ((), WORDS):
        np.testing.assert_array_equal(Segmenter(user_words=words).boundaries(""), [0])


def leftmost_longest(text: str, words: set[str]) -> list[tuple[int, int]]:
    """The rule of user words, written as it is said."""

    def splits_run(i: int) -> bool:
        pair = text[i - 1 : i + 1] if 0 < i < len(text) else ""
        return pair.isascii() and len(pair) == 2 and (pair.isalpha() or pair.isdigit())

    found, i = [], 0
    while i < len(text):
        ends = [
            j for j in range(i + 1, len(text) + 1) if text[i:j] in words and not splits_run(i) and not splits_run(j)
        ]
        if ends:
            found.append((i, ends[-1]))
        i = ends[-1] if ends else i + 1
    return found


few = st.text(st.sampled_from("砚川市aA1 ·𠮷\ud800"), min_size=1, max_size=4).filter(lambda word: word == word.strip())


@quick
@given(text=st.text(st.sampled_from("砚川市aA1 ·𠮷\ud800"), max_size=25), words=st.sets(few, min_size=1, max_size=8))
def test_user_words_are_found_leftmost_longest(text: str, words: set[str]) -> None:
    assert Segmenter(user_words=sorted(words)).user_matches(text) == leftmost_longest(text, words)


@quick
@given(text=mixed, words=st.sets(few, min_size=1, max_size=4))
def test_between_user_words_the_words_are_those_of_the_parts(text: str, words: set[str]) -> None:
    segmenter, plain = Segmenter(user_words=sorted(words)), Segmenter()
    expected: list[str] = []
    done = 0
    for start, end in segmenter.user_matches(text):
        expected += [*plain.cut(text[done:start]), text[start:end]]
        done = end
    assert segmenter.cut(text) == expected + plain.cut(text[done:])


# User words


@pytest.mark.parametrize(
    "word",
    ["TOD 2.0 试点", "鹿泷·新城", "一湖-两岸", "[砚]川", "*ST砚机", "（一期）", "2023—2031年", "a b", "\\d+", "砚\n川",
     "(?P<x>", "𠮷田", "😀", "市", "C++", "100%", "㎡", "é", "砚川　新区", "x" * 500],
)  # fmt: skip
def test_a_word_is_kept_whole_whatever_it_holds(word: str) -> None:
    segmenter = Segmenter(user_words=[word])
    for text in (word, f"在{word}里", f"，{word}。", f"{word}，{word}"):
        assert segmenter.cut(text).count(word) == text.count(word)


def test_a_user_word_beats_every_word_of_the_dictionary() -> None:
    assert "川召" in Segmenter(user_words={"川召": None}).cut("砚川召开会议")
    assert Segmenter(user_words={"作会": 1}).cut("工作会议") == ["工", "作会", "议"]


def test_the_first_then_the_longest_wins() -> None:
    segmenter = Segmenter(user_words=["砚川", "砚川市", "川市人", "市人大"])
    assert segmenter.cut("砚川市人大") == ["砚川市", "人大"]
    assert segmenter.cut("川市人大") == ["川市人", "大"]


@pytest.mark.parametrize(
    ("word", "text", "kept"),
    [
        ("AI", "AI产业", True),
        ("AI", "2AI3", True),
        ("AI", "MAIN", False),
        ("AI", "AIR", False),
        ("5G", "5G网", True),
        ("5G", "15G网", False),
        ("2024年", "12024年", False),
        ("TOD", "É TOD_x", True),
        ("TOD模式", "的TOD模式a", True),
        ("AI", "ＡAIＩ", True),
    ],
)
def test_runs_of_letters_and_of_digits_are_not_split(word: str, text: str, kept: bool) -> None:
    assert (word in Segmenter(user_words=[word]).cut(text)) == kept


def test_many_words_take_time_linear_in_the_text() -> None:
    chance = random.Random(0)
    words = ["".join(chance.choices("砚川鹿泷云谷新城市县区园审计", k=chance.randint(3, 8))) for _ in range(10_000)]
    text = "".join(chance.choices(SENTENCES, k=1000))
    segmenter = Segmenter(user_words=words)
    segmenter.cut(text)
    start = time.perf_counter()
    segmenter.user_matches(text)
    assert len(text) / (time.perf_counter() - start) > 200_000  # 20 million a second measured on an idle core


def test_words_that_begin_alike_do_not_multiply_the_time() -> None:
    words = ["川" * n + "市" for n in range(1, 200)]
    start = time.perf_counter()
    assert Segmenter(user_words=words).user_matches("川" * 5000) == []
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "words",
    ["砚川市", b"x", 5, None, [""], [" 砚川"], ["砚川\n"], ["\u3000"], [5], [None], [["砚"]], [b"x"], {"": 3}],
)
def test_what_cannot_be_user_words(words: Any) -> None:
    for call in (lambda: Segmenter(user_words=words).cut("砚川"), Segmenter(user_words=words).to_dict):
        with pytest.raises(ConfigurationError, match="user_words"):
            call()


def test_the_message_shows_some_of_many_bad_words() -> None:
    with pytest.raises(ConfigurationError, match="holds 9 that cannot be words: '', '', '';"):
        Segmenter(user_words=[""] * 9 + ["砚"]).cut("")


# Parameters


@pytest.mark.parametrize("text", [None, b"x", 5, ["砚川"], np.array(["砚"])])
def test_only_str_is_cut(text: Any) -> None:
    for words in ((), WORDS):
        for method in ("cut", "boundaries", "user_matches"):
            with pytest.raises(InputError, match=f"cannot cut {type(text).__name__} into words: give a str"):
                getattr(Segmenter(user_words=words), method)(text)


@pytest.mark.parametrize(("name", "value"), [("engine", "pkuseg"), ("engine", None), ("hmm", 1), ("hmm", "no")])
def test_other_parameters_are_refused_at_the_first_use(name: str, value: Any) -> None:
    segmenter = Segmenter(**{name: value})
    for call in (lambda: segmenter.cut("砚川"), segmenter.to_dict, segmenter.fingerprint):
        with pytest.raises(ConfigurationError, match=name):
            call()


def test_a_parameter_that_is_set_later_counts() -> None:
    segmenter = Segmenter()
    assert segmenter.cut("砚川市") == ["砚", "川", "市"]
    assert segmenter.set_params(user_words=["砚川市"]).cut("砚川市") == ["砚川市"]
    segmenter.user_words = ()
    assert segmenter.cut("砚川市") == ["砚", "川", "市"]
    segmenter.hmm = True
    assert segmenter.cut("砚川市") == Segmenter(hmm=True).cut("砚川市") != ["砚", "川", "市"]


def test_clone_of_scikit_learn() -> None:
    from sklearn.base import clone

    segmenter = Segmenter(user_words=WORDS, hmm=True)
    segmenter.cut("砚川市")
    twin = clone(segmenter)
    assert twin.get_params() == segmenter.get_params()
    assert twin.cut(SENTENCES[0]) == segmenter.cut(SENTENCES[0])


# State


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("engine", ["rjieba", "jieba"])
def test_pickle_and_copy(engine: Any, used: bool) -> None:
    segmenter = Segmenter(user_words=WORDS, engine=engine)
    if used:
        segmenter.cut("砚川市")
    expected = Segmenter(user_words=WORDS).cut(SENTENCES[0])
    for twin in (pickle.loads(pickle.dumps(segmenter)), copy.deepcopy(segmenter), copy.copy(segmenter)):
        assert twin.get_params() == segmenter.get_params()
        assert twin.cut(SENTENCES[0]) == expected
    assert len(pickle.dumps(segmenter)) < 1000


def test_a_copy_is_another() -> None:
    segmenter = Segmenter(user_words=["砚川市"])
    segmenter.cut("砚川市")
    twin = copy.copy(segmenter)
    twin.user_words = ()
    assert segmenter.cut("砚川市") == ["砚川市"] != twin.cut("砚川市")


def test_other_processes() -> None:
    joblib = pytest.importorskip("joblib")
    segmenter = Segmenter(user_words=WORDS)
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(segmenter.cut)(text) for text in SENTENCES)
    assert results == [segmenter.cut(text) for text in SENTENCES]


@pytest.mark.parametrize("engine", ["rjieba", "jieba"])
def test_many_threads(engine: Any) -> None:
    segmenter = Segmenter(user_words=WORDS, engine=engine)
    expected = [Segmenter(user_words=WORDS).cut(text) for text in SENTENCES] * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(segmenter.cut, SENTENCES * 50)) == expected


@pytest.mark.parametrize(
    "segmenter",
    [Segmenter(), Segmenter(user_words=WORDS, hmm=True), Segmenter(user_words={"砚川市": 5}, engine="jieba")],
)
def test_state_is_plain_and_makes_an_equal(segmenter: Segmenter) -> None:
    state = segmenter.to_dict()
    twin = Segmenter.from_dict(json.loads(json.dumps(state)))
    assert twin.to_dict() == state
    assert twin.fingerprint() == segmenter.fingerprint()
    assert [twin.cut(text) for text in SENTENCES] == [segmenter.cut(text) for text in SENTENCES]


@pytest.mark.parametrize(
    "state",
    [None, [], {}, {"engine": "rjieba", "hmm": False}, {"engine": "rjieba", "hmm": False, "user_words": [], "x": 1},
     {"engine": "x", "hmm": False, "user_words": []}, {"engine": "rjieba", "hmm": 0, "user_words": []},
     {"engine": "rjieba", "hmm": False, "user_words": "砚川"}, {"engine": [], "hmm": False, "user_words": [[]]}],
)  # fmt: skip
def test_a_state_that_is_none(state: Any) -> None:
    with pytest.raises(ConfigurationError):
        Segmenter.from_dict(state)


def test_fingerprint_depends_on_parameters_only() -> None:
    assert Segmenter().fingerprint() == "79cbbec712616c5698a5c357cb9944ed8f7f1631a229ba9b87cefcfda5699fd5"
    same = [["鹿泷", "砚川"], ("砚川", "鹿泷", "砚川"), {"砚川": 3, "鹿泷": None}, {"砚川", "鹿泷"}]
    assert len({Segmenter(user_words=words).fingerprint() for words in same}) == 1
    others = [
        Segmenter(),
        Segmenter(hmm=True),
        Segmenter(engine="jieba"),
        Segmenter(user_words=["砚川"]),
        Segmenter(user_words=["\ud800"]),
    ]
    assert len({segmenter.fingerprint() for segmenter in others}) == 5


def test_shared_state_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jieba
    import rjieba

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = (jieba.dt.initialized, dict(jieba.dt.FREQ), jieba.dt.total, dict(jieba.dt.user_word_tag_tab))
    text = "".join(SENTENCES) + "".join(WORDS)
    words = rjieba.cut(text, False)
    for engine in ("rjieba", "jieba"):
        for hmm in (False, True):
            Segmenter(user_words=WORDS, engine=engine, hmm=hmm).cut(text)
    assert (jieba.dt.initialized, jieba.dt.FREQ, jieba.dt.total, jieba.dt.user_word_tag_tab) == before
    assert rjieba.cut(text, False) == words
    assert not rjieba.Jieba().has_word("鹿泷·新城")
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_process_writes_no_cache_and_imports_little(tmp_path: Path) -> None:
    code = """if True:
        import sys, tempfile
        tempfile.tempdir = sys.argv[1]
        from tagger.text.segmenter import Segmenter, dictionary_sha256
        heavy = {"rjieba", "jieba", "sklearn", "scipy", "pandas", "numba", "opencc"}
        Segmenter(user_words=["砚川市"]).to_dict(), dictionary_sha256()
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        Segmenter().cut("砚川市")
        assert heavy & set(sys.modules) == {"rjieba"}
        Segmenter(engine="jieba").cut("砚川市")
        assert not sys.modules["jieba"].dt.initialized
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_dictionary_is_that_of_jieba(jieba: Any) -> None:
    from hashlib import sha256

    with jieba.get_dict_file() as file:
        assert dictionary_sha256() == sha256(file.read()).hexdigest()


# Files


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("砚川市", "砚川市"),
        ("砚川市 100", "砚川市"),
        ("砚川市 100 ns", "砚川市"),
        ("砚川市 ns", "砚川市"),
        ("  砚川市 100  ", "砚川市"),
        ("鹿泷 高新区", "鹿泷 高新区"),
        ("鹿泷 高新区 5 nt", "鹿泷 高新区"),
        ("TOD 2025", "TOD"),
        ("TOD 2025\t", "TOD 2025"),
        ("TOD 2025\t3\tn", "TOD 2025"),
        ("a b\tc", "a b"),
        ("2025", "2025"),
        ("#话题#", "#话题#"),
        ("砚川\u2028新区", "砚川\u2028新区"),
        ("*ST砚机 3 nz", "*ST砚机"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_lines_of_a_user_dictionary(tmp_path: Path, line: str, word: str, end: str) -> None:
    path = write(tmp_path / "user_dict.txt", line + end)
    assert Segmenter.from_file(path).user_words == (word,)


def test_lines_without_a_tab_are_read_as_jieba_reads_them(tmp_path: Path, jieba: Any) -> None:
    lines = ["砚川市", "鹿泷 3", "云谷 新城 5 nz", "TOD 2025", "a b c", "沈 砚秋 nr", "1 2 3", "x 1 2"]
    path = write(tmp_path / "user_dict.txt", "\ufeff" + "\n\n".join(lines) + "\n")
    theirs: list[str] = []
    jieba = copy.copy(jieba)
    jieba.add_word = lambda word, freq=None, tag=None: theirs.append(word)
    with path.open("rb") as file:
        jieba.load_userdict(file)
    assert Segmenter.from_file(str(path), hmm=True).get_params() == {
        "user_words": tuple(theirs),
        "hmm": True,
        "engine": "rjieba",
    }


def test_an_empty_dictionary(tmp_path: Path) -> None:
    assert Segmenter.from_file(write(tmp_path / "x", "\n \r\n\n")).user_words == ()


def test_lines_without_a_word(tmp_path: Path) -> None:
    path = write(tmp_path / "x", "砚川市\n\t5\n" + " \tn\n" * 8)
    with pytest.raises(InputError, match=r"line 2 '\\t5'; line 3 .*; line 4 .* and 6 more: expected a word") as caught:
        Segmenter.from_file(path)
    assert str(path) in str(caught.value)


def test_a_word_that_comes_twice_brings_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "x", "砚川市 3\n鹿泷县\n砚川市 nz\n")
    with pytest.warns(UserWarning, match=r"line 3 '砚川市' \(first on line 1\)"):
        segmenter = Segmenter.from_file(path)
    assert segmenter.user_words == ("砚川市", "鹿泷县")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"没有\.txt: .*cannot be read \(No such file"):
        Segmenter.from_file(tmp_path / "没有.txt")
    with pytest.raises(InputError, match="cannot be read"):
        Segmenter.from_file(tmp_path)
    with pytest.raises(InputError, match="byte 4 is not UTF-8; save"):
        Segmenter.from_file(write(tmp_path / "x", b"abc\n" + "砚川市".encode("gb18030")))


# Size


def test_a_very_long_line() -> None:
    text = "砚川市召开经济工作会议" * 100_000
    for words in ((), ["砚川市"]):
        assert Segmenter(user_words=words).boundaries(text)[-1] == len(text)
