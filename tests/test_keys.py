"""Feature keys: mixed well, and found again in the radix index."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.crf._scores import find_ids
from tagger.features._counting import column_counts, gram_keys
from tagger.features._keys import WORD_SEED, fold, fold_all, key_of, radix_bits, radix_index, word_keys
from tagger.features.templates import char_classes, codepoints, is_wordlike

LARGEST = 2**64 - 1
keys64 = st.one_of(st.integers(0, LARGEST), st.sampled_from([0, 1, 2**63 - 1, 2**63, LARGEST - 1, LARGEST]))
# Keys that crowd into few runs of the index, unlike mixed ones
crowded = st.builds(lambda high, low: high << 60 | low, st.integers(0, 3), st.integers(0, 40))


def key(codes: list[int], seed: int = 0) -> int:
    return int(key_of(np.array(codes, np.uint64), seed))


def look_up(wanted: list[int], vocabulary: list[int]) -> list[int]:
    keys = np.array(sorted(vocabulary), np.uint64)
    bits = radix_bits(len(keys))
    return find_ids(np.array(wanted, np.uint64)[:, None], keys, radix_index(keys, bits), bits)[:, 0].tolist()


# -- keys ----------------------------------------------------------------------------------------------------------


@settings(deadline=None)  # the first example may have to compile
@given(st.lists(st.integers(0, LARGEST), min_size=1, max_size=6), st.data())
def test_a_key_changes_with_any_value(codes: list[int], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(codes) - 1))
    other = data.draw(st.integers(0, LARGEST).filter(lambda code: code != codes[at]))
    assert key(codes) != key([*codes[:at], other, *codes[at + 1 :]])


@settings(deadline=None)
@given(st.permutations(list("砚川市鹿泷县𠮷")), st.permutations(list("砚川市鹿泷县𠮷")))
def test_the_order_of_the_values_matters(a: list[str], b: list[str]) -> None:
    assert (key([ord(c) for c in a]) == key([ord(c) for c in b])) == (a == b)


def test_length_and_seed_tell_keys_apart() -> None:
    zeros = {key([0] * n, seed) for n in range(20) for seed in (0, 1, 2, WORD_SEED)}
    assert len(zeros) == 80


def test_no_two_pairs_of_common_characters_share_a_key() -> None:
    codes = np.arange(0x4E00, 0x4E00 + 500, dtype=np.uint64)
    keys = np.concatenate([fold_all(fold_all(codes, 1), int(code)) for code in codes])
    assert len(np.unique(keys)) == 500 * 500


def test_fold_all_mixes_like_fold_and_leaves_its_input_alone() -> None:
    keys = np.array([0, 1, LARGEST], np.uint64)
    folded = fold_all(keys, 3)
    assert [int(k) for k in folded] == [int(fold(np.uint64(k), np.uint64(3))) for k in keys]
    assert keys.tolist() == [0, 1, LARGEST]
    assert not set(fold_all(keys, 0).tolist()) & set(folded.tolist())


def test_every_bit_of_a_value_moves_half_of_the_bits_of_the_key() -> None:
    rng = np.random.default_rng(0)
    flips = []
    for value in rng.integers(0, 2**63, 50).tolist():
        flips += [(key([value]) ^ key([value ^ (1 << bit)])).bit_count() for bit in range(64)]
    assert np.mean(flips) == pytest.approx(32, abs=0.5)
    assert min(flips) > 8


def test_word_keys_are_those_of_each_word() -> None:
    codes = codepoints("砚川市𠮷野")
    keys = word_keys(codes, np.array([0, 2, 3, 5], np.int32))
    assert keys.tolist() == [key([ord(c) for c in word], WORD_SEED) for word in ("砚川", "市", "𠮷野")]
    assert word_keys(codes[:0], np.zeros(1, np.int32)).shape == (0,)


def test_keys_that_stand_in_model_files_never_change() -> None:
    # Were these to change, every model on a shelf would look up features that it never learned.
    assert key([ord(c) for c in "审计"], WORD_SEED) == 9601947438419633410
    assert key([ord(c) for c in "审计"]) == 16920152939202205627


# -- look-up -------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.sets(keys64 | crowded, max_size=60), st.lists(keys64 | crowded, max_size=20))
def test_look_up_equals_a_dict(vocabulary: set[int], others: list[int]) -> None:
    by_key = {k: i for i, k in enumerate(sorted(vocabulary))}
    wanted = [*vocabulary, *others, 0, LARGEST]
    assert look_up(wanted, list(vocabulary)) == [by_key.get(k, -1) for k in wanted]


def test_look_up_among_many() -> None:
    rng = np.random.default_rng(1)
    keys = np.unique(rng.integers(0, LARGEST, 100_000, dtype=np.uint64, endpoint=True))
    strangers = np.setdiff1d(rng.integers(0, LARGEST, 1000, dtype=np.uint64, endpoint=True), keys)
    bits = radix_bits(len(keys))
    starts = radix_index(keys, bits)
    assert np.array_equal(find_ids(keys[:, None], keys, starts, bits)[:, 0], np.arange(len(keys)))
    assert (find_ids(strangers[:, None], keys, starts, bits) == -1).all()
    assert np.diff(starts).max() < 12  # runs are short


@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 10**6, 10**9])
def test_the_index_has_about_one_key_a_run_and_stays_small(n: int) -> None:
    bits = radix_bits(n)
    assert 1 <= bits <= 24
    assert 2**bits > min(n, 2**23)


# -- grams ---------------------------------------------------------------------------------------------------------


def grams(text: str, boundaries: list[int], shortest: int, longest: int, use_words: bool) -> list[str]:
    codes = codepoints(text)
    kept = is_wordlike(char_classes(codes))
    keys, starts, lengths = gram_keys(codes, kept, np.array(boundaries, np.int32), shortest, longest, use_words)
    found = [text[a : a + n] for a, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
    assert len(set(keys.tolist())) == len(set(found)) == len(dict.fromkeys(zip(found, keys.tolist(), strict=True)))
    return found


def test_grams_leave_punctuation_and_space_out() -> None:
    text = "砚川，A9 𠮷。"
    assert grams(text, [0], 1, 3, False) == ["砚", "砚川", "川", "A", "A9", "9", "𠮷"]
    assert grams(text, [0], 3, 3, False) == []
    assert grams(text, [0, 2, 3, 5, 6, 7, 8], 1, 0, True) == ["砚川", "A9", "𠮷"]
    assert grams(text, [0, 3, 8], 1, 0, True) == []  # each of these two words holds punctuation
    assert grams("", [0], 1, 3, False) == []


@settings(deadline=None)
@given(st.sets(keys64 | crowded, max_size=40), st.lists(keys64 | crowded, max_size=60))
def test_column_counts_equal_a_counter(vocabulary: set[int], keys: list[int]) -> None:
    known = np.array(sorted(vocabulary), np.uint64)
    text = np.array([*keys, *vocabulary, *keys], np.uint64)  # so that known ones come often and again
    bits = radix_bits(len(known))
    columns, counts = column_counts(text, known, radix_index(known, bits), bits)
    expected = Counter(k for k in text.tolist() if k in vocabulary)  # in order of first occurrence
    assert known[columns].tolist() == list(expected)
    assert counts.tolist() == list(expected.values())
