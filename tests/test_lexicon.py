"""Word clusters: what the lexicon gives for words that it knows, and zero for all others."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.errors import InputError
from tagger.features._keys import word_keys
from tagger.features.lexicon import GRAINS, WordClusters
from tagger.features.templates import codepoints

CLUSTERS = {"砚川": (1, 3, 9), "鹿泷": (1, 3, 8), "𠮷野": (2, 65_535, 7), "AI 园区": (3, 4, 5)}
numbers = st.tuples(*[st.integers(1, 65_535)] * len(GRAINS))
words = st.text(min_size=1, max_size=4)


@settings(deadline=None)  # the first example may have to compile
@given(st.dictionaries(words, numbers, max_size=20), st.lists(words, max_size=10))
def test_equals_a_dict_and_is_zero_elsewhere(clusters: dict[str, tuple[int, ...]], others: list[str]) -> None:
    lexicon = WordClusters.from_words(clusters)
    asked = [*clusters, *others]
    found = lexicon.clusters_of(WordClusters.keys_of(asked))
    assert found.shape == (len(GRAINS), len(asked))
    assert found.T.tolist() == [list(clusters.get(word, (0, 0, 0))) for word in asked]
    assert len(lexicon) == len(clusters)


def test_unknown_words_give_zero() -> None:
    lexicon = WordClusters.from_words(CLUSTERS)
    assert not lexicon.clusters_of(WordClusters.keys_of(["砚", "川", "川砚", "砚川市", "", "𠮷"])).any()
    assert not lexicon.clusters_of(np.array([0, 2**64 - 1], np.uint64)).any()


def test_an_empty_lexicon_knows_nothing() -> None:
    lexicon = WordClusters.from_words({})
    assert len(lexicon) == 0
    assert lexicon.clusters_of(WordClusters.keys_of(["砚川"])).tolist() == [[0], [0], [0]]
    assert lexicon.clusters_of(WordClusters.keys_of([])).shape == (3, 0)
    assert WordClusters.from_arrays(lexicon.to_arrays()) == lexicon


def test_keys_are_those_of_the_words_of_a_text() -> None:
    keys = word_keys(codepoints("砚川𠮷野"), np.array([0, 2, 4], np.int32))
    assert keys.tolist() == WordClusters.keys_of(["砚川", "𠮷野"]).tolist()


def test_copies_are_equal_and_others_are_not() -> None:
    lexicon = WordClusters.from_words(CLUSTERS)
    for again in (
        WordClusters.from_arrays(lexicon.to_arrays()),
        WordClusters.from_words(dict(reversed(CLUSTERS.items()))),
        pickle.loads(pickle.dumps(lexicon)),
        copy.deepcopy(lexicon),
    ):
        assert again == lexicon
    assert lexicon != WordClusters.from_words({**CLUSTERS, "砚川": (1, 3, 1)})
    assert lexicon != WordClusters.from_words({"砚川": (1, 3, 9)})
    assert lexicon != "砚川"
    assert repr(lexicon) == "WordClusters(4 words)"


@pytest.mark.parametrize("clusters", [(1, 2), (1, 2, 3, 4, 5, 6), (0, 1, 2), (1, 2, 65_536), ()])
def test_clusters_that_do_not_fit_name_their_word(clusters: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"'鹿泷' has the clusters .*expected 3 numbers .* from 1 to 65535"):
        WordClusters.from_words({"砚川": (1, 2, 3), "鹿泷": clusters})


@pytest.mark.parametrize(
    ("keys", "clusters", "message"),
    [
        ([1, 2], np.zeros((3, 1)), r"shape \(3, 1\), expected \(3, 2\)"),
        ([1, 2], np.zeros((2, 2)), r"expected \(3, 2\)"),
        ([2, 1], np.zeros((3, 2)), "not sorted"),
        ([1, 1], np.zeros((3, 2)), "hold a key twice"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(keys: list[int], clusters: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        WordClusters(np.array(keys, np.uint64), clusters.astype(np.uint16))
