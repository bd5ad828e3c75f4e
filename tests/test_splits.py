from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.splits import grouped_folds, near_duplicate_groups

COMMON = "大家都说，回去要把今天这个会传达好，把各自那一摊事看牢管好。"


def article(seed: int, n: int = 900) -> str:
    """Make a text of characters without sense, with a sentence in it that every article has."""
    rng = np.random.default_rng(seed)
    characters = "".join(chr(0x4E00 + int(c)) for c in rng.integers(0, 3000, n))
    return f"{characters[: n // 2]}。{COMMON}{characters[n // 2 :]}"


def together(groups: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == g).tolist()) for g in np.unique(groups)}


def test_reprints_and_excerpts_are_one_group() -> None:
    whole = [article(seed) for seed in range(40)]
    planted = {
        0: whole[0],  # a reprint
        1: whole[1].replace(whole[1][100:150], "本报讯"),  # an edited one
        2: whole[2][:230],  # its beginning
        3: whole[3][300:420],  # a short piece of its middle
        4: f"■本报记者 苏砚秋\n{whole[4]}（下转第六版）",
        5: "\n\n".join(whole[5][i : i + 30] for i in range(0, len(whole[5]), 30)),  # in lines
        6: whole[6][:500] + article(99, 400),  # half of it, and something new
    }
    groups = near_duplicate_groups([*whole, *planted.values()])
    assert groups[:40].tolist() == list(range(40))
    assert groups[40:].tolist() == list(planted)


def test_an_excerpt_much_shorter_than_the_whole() -> None:
    whole = article(0, 6000)
    assert near_duplicate_groups([whole, article(1), whole[3000:3060]]).tolist() == [0, 1, 0]


def test_duplicates_through_others() -> None:
    long = article(0, 600)
    chain = [long[:300], article(1), long[130:430], long[260:560]]
    assert near_duplicate_groups(chain).tolist() == [0, 1, 0, 0]


def test_officialese_alone_makes_no_duplicate() -> None:
    texts = [article(seed, 200) for seed in range(30)]
    assert near_duplicate_groups(texts).tolist() == list(range(30))


def test_threshold() -> None:
    text = article(0, 400)
    mixed = text[:160] + article(1, 200)[:240]  # about four tenths
    assert near_duplicate_groups([text, mixed]).tolist() == [0, 1]
    assert near_duplicate_groups([text, mixed], threshold=0.3).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        ([""], [0]),
        (["", "", "。", "\ud800"], [0, 1, 2, 3]),
        (["审计", "审计", "审计整改", "园区"], [0, 0, 1, 2]),
        (["砚川市审计局", "砚川市审计局。", "砚川市审计局开会"], [0, 0, 0]),
        (["𠀋𠀋𠀋𠀋𠀋𠀋𠀋", "𠀋𠀋𠀋𠀋𠀋𠀋𠀋"], [0, 0]),
    ],
)
def test_small_texts(texts: list[str], expected: list[int]) -> None:
    groups = near_duplicate_groups(texts)
    assert groups.tolist() == expected
    assert groups.dtype == np.int64


def test_the_order_of_texts_does_not_matter() -> None:
    texts = [article(seed % 12)[: 900 - 40 * (seed // 12)] for seed in range(36)]
    order = np.random.default_rng(0).permutation(36)
    groups = near_duplicate_groups(texts)
    assert len(together(groups)) == 12
    shuffled = near_duplicate_groups([texts[i] for i in order])
    assert together(shuffled) == {frozenset(int(np.flatnonzero(order == i)[0]) for i in s) for s in together(groups)}
    assert np.array_equal(groups, near_duplicate_groups(texts))


def test_two_thousand_articles_in_seconds() -> None:
    texts = [article(seed % 1900, 400) for seed in range(2000)]
    start = time.perf_counter()
    assert len(set(near_duplicate_groups(texts).tolist())) == 1900
    assert time.perf_counter() - start < 10


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(2, 6), st.integers(0, 3))
def test_folds_keep_groups_whole_and_are_even(groups: list[int], n_folds: int, seed: int) -> None:
    found = grouped_folds(np.array(groups), n_folds, random_state=seed)
    assert found.shape == (len(groups),)
    assert ((found >= 0) & (found < n_folds)).all()
    for group in set(groups):
        assert len({int(fold) for fold, g in zip(found, groups, strict=True) if g == group}) == 1
    sizes = np.bincount(found, minlength=n_folds)
    assert sizes.max() - sizes.min() <= np.bincount(groups).max()
    assert np.array_equal(found, grouped_folds(np.array(groups), n_folds, random_state=seed))


def test_folds_of_single_articles() -> None:
    folds = grouped_folds(np.arange(103), 5)
    assert sorted(np.bincount(folds).tolist()) == [20, 20, 21, 21, 21]
    assert not np.array_equal(folds, grouped_folds(np.arange(103), 5, random_state=1))


def test_no_duplicate_crosses_folds() -> None:
    texts = [article(seed % 30)[: 900 - 100 * (seed // 30)] for seed in range(90)]
    folds = grouped_folds(near_duplicate_groups(texts), 5)
    assert all(len({int(folds[i]) for i in range(seed, 90, 30)}) == 1 for seed in range(30))
    assert np.bincount(folds).tolist() == [18] * 5
