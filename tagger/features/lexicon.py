"""Word clusters: what kind of word a word is, learned from raw text without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numba import njit

from tagger._typing import I32Array, U64Array
from tagger.errors import InputError
from tagger.features._keys import WORD_SEED, key_of, lookup, radix_bits, radix_index

__all__ = ["GRAINS", "WordClusters"]

GRAINS = ("coarse", "middle", "fine")
"""The three clusterings of a lexicon, from few large clusters to many small ones."""

_MOST = 65_535


class WordClusters:
    """Cluster numbers of words in three grains.

    Words that keep the same company (names of counties, titles of office, surnames) share a cluster, so that a tagger
    that saw one of them in annotated text knows something about the others.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_words,)
        Word keys, sorted.
    clusters : ndarray of uint16, shape (len(GRAINS), n_words)
        Cluster numbers from 1; a word that is not in the lexicon has 0.

    Examples
    --------
    >>> lexicon = WordClusters.from_words({"砚川": (1, 3, 9), "鹿泷": (1, 3, 8)})
    >>> lexicon.clusters_of(WordClusters.keys_of(["鹿泷", "书记"])).tolist()
    [[1, 0], [3, 0], [8, 0]]
    """

    def __init__(self, keys: U64Array, clusters: np.ndarray) -> None:
        self.keys = np.ascontiguousarray(keys)
        self.clusters = np.ascontiguousarray(clusters)
        if self.clusters.shape != (len(GRAINS), len(self.keys)):
            raise InputError(
                f"lexicon: clusters have shape {self.clusters.shape}, expected {(len(GRAINS), len(self.keys))}"
            )
        if not np.all(self.keys[:-1] < self.keys[1:]):
            raise InputError("lexicon: the keys are not sorted, or hold a key twice")
        self._bits = radix_bits(len(self.keys))
        self._starts = radix_index(self.keys, self._bits)

    @classmethod
    def from_words(cls, clusters: Mapping[str, Sequence[int]]) -> Self:
        """Build a lexicon from words and their cluster numbers (1 to 65,535) in each grain.

        Raises
        ------
        InputError
            If a word has fewer or more numbers than there are grains, or one out of range.
        """
        for word, found in clusters.items():
            if len(found) != len(GRAINS) or not all(1 <= number <= _MOST for number in found):
                raise InputError(
                    f"lexicon: {word!r} has the clusters {list(found)}, expected {len(GRAINS)} numbers "
                    f"({', '.join(GRAINS)}) from 1 to {_MOST}"
                )
        keys = cls.keys_of(list(clusters))
        numbers = np.array(list(clusters.values()), np.uint16).reshape(-1, len(GRAINS))
        order = np.argsort(keys)
        return cls(keys[order], numbers[order].T)

    @staticmethod
    def keys_of(words: Sequence[str]) -> U64Array:
        """Return the key of each word: shape (n_words,)."""
        codes = (np.frombuffer(word.encode("utf-32-le", "surrogatepass"), np.uint32) for word in words)
        return np.array([key_of(code.astype(np.uint64), WORD_SEED) for code in codes], np.uint64)

    def clusters_of(self, keys: U64Array) -> U64Array:
        """Return the clusters of word keys in every grain: uint64, shape (len(GRAINS), n_keys); 0 where unknown."""
        found: U64Array = _clusters_of(keys, self.keys, self._starts, self._bits, self.clusters)
        return found

    def __len__(self) -> int:
        return len(self.keys)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordClusters):
            return NotImplemented
        return np.array_equal(self.keys, other.keys) and np.array_equal(self.clusters, other.clusters)

    __hash__ = None  # type: ignore[assignment]  # equal by content, and its arrays can change

    def __repr__(self) -> str:
        return f"WordClusters({len(self)} words)"

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays for a store to keep."""
        return {"keys": self.keys, "clusters": self.clusters}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Build the lexicon again from what :meth:`to_arrays` gave."""
        return cls(arrays["keys"], arrays["clusters"])


@njit(cache=True)
def _clusters_of(
    wanted: U64Array, keys: U64Array, starts: I32Array, bits: int, clusters: np.ndarray
) -> U64Array:  # pragma: no cover - compiled
    found = np.zeros((clusters.shape[0], len(wanted)), np.uint64)
    shift = np.uint64(64 - bits)
    for i in range(len(wanted)):
        row = lookup(wanted[i], keys, starts, shift)
        if row >= 0:
            for grain in range(clusters.shape[0]):
                found[grain, i] = clusters[grain, row]
    return found
