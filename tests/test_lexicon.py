"""Clusters and lexicons: what they give for strings that they know, and zero for all others."""

from __future__ import annotations

import copy
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger import artifact
from tagger.errors import ConfigurationError, InputError, ModelFormatError, ModelNotFoundError
from tagger.features._entries import pair_keys
from tagger.features._keys import word_keys
from tagger.features.lexicon import GRAINS, Clusters, Gazetteer, Lexicon
from tagger.features.templates import codepoints

CLUSTERS = {"砚川": (1, 3, 9), "鹿泷": (1, 3, 8), "𠮷野": (2, 65_535, 7), "AI 园区": (3, 4, 5)}
PARTS = {
    "words": Clusters.from_strings(CLUSTERS),
    "pairs": Clusters.from_strings({"川市": (4, 5, 6)}),
    "gazetteer": Gazetteer.from_entries({"砚川": "地名", "唐维桢": "人名"}),
}
numbers = st.tuples(*[st.integers(1, 65_535)] * len(GRAINS))
words = st.text(min_size=1, max_size=4)


# -- clusters ------------------------------------------------------------------------------------------------------


@settings(deadline=None)  # the first example may have to compile
@given(st.dictionaries(words, numbers, max_size=20), st.lists(words, max_size=10))
def test_equals_a_dict_and_is_zero_elsewhere(clusters: dict[str, tuple[int, ...]], others: list[str]) -> None:
    found = Clusters.from_strings(clusters)
    asked = [*clusters, *others]
    numbers = found.of(Clusters.keys_of(asked))
    assert numbers.shape == (len(GRAINS), len(asked))
    assert numbers.T.tolist() == [list(clusters.get(word, (0, 0, 0))) for word in asked]
    assert len(found) == len(clusters)


def test_unknown_strings_give_zero() -> None:
    clusters = PARTS["words"]
    assert not clusters.of(Clusters.keys_of(["砚", "川", "川砚", "砚川市", "", "𠮷"])).any()
    assert not clusters.of(np.array([0, 2**64 - 1], np.uint64)).any()


def test_empty_clusters_know_nothing() -> None:
    clusters = Clusters.from_strings({})
    assert len(clusters) == 0
    assert clusters.of(Clusters.keys_of(["砚川"])).tolist() == [[0], [0], [0]]
    assert clusters.of(Clusters.keys_of([])).shape == (3, 0)
    assert Lexicon.from_arrays(Lexicon(words=clusters).to_arrays()) == Lexicon(words=clusters)


def test_keys_are_those_of_the_words_and_pairs_of_a_text() -> None:
    codes = codepoints("砚川𠮷野")
    assert word_keys(codes, np.array([0, 2, 4], np.int32)).tolist() == Clusters.keys_of(["砚川", "𠮷野"]).tolist()
    assert pair_keys(codes).tolist() == Clusters.keys_of(["砚川", "川𠮷", "𠮷野"]).tolist()
    assert pair_keys(codes[:1]).shape == pair_keys(codes[:0]).shape == (0,)


def test_copies_are_equal_and_others_are_not() -> None:
    clusters = PARTS["words"]
    for again in (
        Clusters.from_strings(dict(reversed(CLUSTERS.items()))),
        pickle.loads(pickle.dumps(clusters)),
        copy.deepcopy(clusters),
    ):
        assert again == clusters
    assert clusters != Clusters.from_strings({**CLUSTERS, "砚川": (1, 3, 1)})
    assert clusters != Clusters.from_strings({"砚川": (1, 3, 9)})
    assert clusters != "砚川"
    assert repr(clusters) == "Clusters(4 strings)"


@pytest.mark.parametrize("clusters", [(1, 2), (1, 2, 3, 4, 5, 6), (0, 1, 2), (1, 2, 65_536), ()])
def test_clusters_that_do_not_fit_name_their_string(clusters: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"'鹿泷' has the clusters .*expected 3 numbers .* from 1 to 65535"):
        Clusters.from_strings({"砚川": (1, 2, 3), "鹿泷": clusters})


@pytest.mark.parametrize(
    ("keys", "clusters", "message"),
    [
        ([1, 2], np.zeros((3, 1)), r"shape \(3, 1\), expected \(3, 2\)"),
        ([1, 2], np.zeros((2, 2)), r"expected \(3, 2\)"),
        ([2, 1], np.zeros((3, 2)), "not sorted"),
        ([1, 1], np.zeros((3, 2)), "hold a key twice"),
        ([[1, 2]], np.zeros((3, 1)), r"shape \(1, 2\), expected one dimension"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(keys: list[int], clusters: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Clusters(np.array(keys, np.uint64), clusters.astype(np.uint16))


# -- lexicons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [(), ("words",), ("pairs",), ("gazetteer",), ("words", "gazetteer"), tuple(PARTS)])
def test_every_choice_of_parts_survives_its_arrays(kept: tuple[str, ...], tmp_path: Path) -> None:
    lexicon = Lexicon(**{name: PARTS[name] for name in kept})
    arrays = lexicon.to_arrays()
    assert Lexicon.from_arrays(arrays) == lexicon == copy.deepcopy(lexicon)
    assert [name for name in PARTS if getattr(lexicon, name) is not None] == list(kept)
    folder = artifact.save(artifact.Artifact("lex", "1.0.0", {}, {"lexicon": arrays}), tmp_path / "lex" / "1.0.0")
    assert Lexicon.load(folder) == Lexicon.load(str(folder)) == lexicon


def test_lexicons_with_other_parts_differ() -> None:
    whole = Lexicon(**PARTS)
    assert whole != Lexicon(words=PARTS["words"], pairs=PARTS["pairs"])
    assert whole != Lexicon(**{**PARTS, "pairs": PARTS["words"]})
    assert whole != "词典"
    assert repr(whole) == (
        "Lexicon(words=Clusters(4 strings), pairs=Clusters(1 strings), gazetteer=Gazetteer(2 entries of 人名, 地名))"
    )


@pytest.mark.parametrize("name", sorted(Lexicon(**PARTS).to_arrays()))
def test_an_array_that_is_missing_is_named(name: str) -> None:
    arrays = Lexicon(**PARTS).to_arrays()
    del arrays[name]
    with pytest.raises(InputError, match=f"the array '{name}' is missing"):
        Lexicon.from_arrays(arrays)


@pytest.mark.parametrize("name", ["keys", "pair_clusters", "gazetteer_keys", "gazetteer_kinds"])
def test_arrays_of_another_type_are_refused(name: str) -> None:
    arrays = Lexicon(**PARTS).to_arrays()
    with pytest.raises(InputError, match="an array holds float64, expected uint"):
        Lexicon.from_arrays({**arrays, name: arrays[name].astype(np.float64)})


def test_arrays_that_no_lexicon_has_are_refused() -> None:
    with pytest.raises(InputError, match="unknown array 'triple_keys'; another version of tagger made it"):
        Lexicon.from_arrays({"triple_keys": PARTS["words"].keys})


def test_names_of_arrays_that_stand_in_model_files_never_change() -> None:
    arrays = {"keys": PARTS["words"].keys, "clusters": PARTS["words"].clusters}  # what the first models hold
    assert Lexicon.from_arrays(arrays) == Lexicon(words=PARTS["words"])
    assert set(Lexicon(**PARTS).to_arrays()) == {
        *("keys", "clusters", "pair_keys", "pair_clusters", "gazetteer_keys", "gazetteer_kinds", "gazetteer_names")
    }


def test_a_lexicon_from_the_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lexicon = Lexicon(**PARTS)
    monkeypatch.setenv("TAGGER_MODELS", str(tmp_path))
    for version in ("1.0.0", "1.1.0"):
        held = lexicon if version == "1.1.0" else Lexicon(words=PARTS["words"])
        found = artifact.Artifact("my-lexicon", version, {}, {"lexicon": held.to_arrays()})
        artifact.save(found, tmp_path / "my-lexicon" / version)
    assert Lexicon.load("my-lexicon") == lexicon
    assert Lexicon.load("my-lexicon==1.0.0") == Lexicon(words=PARTS["words"])
    with pytest.raises(ModelNotFoundError, match="no model 'my-lexikon', did you mean 'my-lexicon'"):
        Lexicon.load("my-lexikon")


def test_folders_that_are_no_lexicon(tmp_path: Path, small_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="this model has no lexicon"):
        Lexicon.load(small_folder)
    odd = {"triple_keys": PARTS["words"].keys}
    folder = artifact.save(artifact.Artifact("odd", "1.0.0", {}, {"lexicon": odd}), tmp_path / "odd" / "1.0.0")
    with pytest.raises(ModelFormatError, match=r"odd.1\.0\.0: lexicon: unknown array 'triple_keys'"):
        Lexicon.load(folder)
    shutil.rmtree(folder)
    with pytest.raises(ModelNotFoundError):
        Lexicon.load(folder)
