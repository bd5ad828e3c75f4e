"""What is known of words before any annotated text: clusters learned from raw text, and lists of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from tagger._typing import I32Array, I64Array, U8Array, U64Array
from tagger.errors import ConfigurationError, InputError, ModelFormatError
from tagger.features import _entries
from tagger.features._keys import WORD_SEED, key_of, radix_bits, radix_index

__all__ = ["GRAINS", "Clusters", "Gazetteer", "Lexicon"]

GRAINS = ("coarse", "middle", "fine")
"""The three clusterings of a lexicon, from few large clusters to many small ones."""

_MOST = 65_535
_PREFIXES = ("", "pair_")  # of the names of arrays: clusters of words came first, and older models hold just those
_ARRAYS = (
    ("keys", "clusters"),
    ("pair_keys", "pair_clusters"),
    ("gazetteer_keys", "gazetteer_kinds", "gazetteer_names"),
)


class Clusters:
    """Cluster numbers of words, or of pairs of characters, in three grains.

    Strings that keep the same company (names of counties, titles of office, given names) share a cluster, so that a
    tagger that saw one of them in annotated text knows something about the others.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_strings,)
        Keys of the strings, sorted.
    clusters : ndarray of uint16, shape (len(GRAINS), n_strings)
        Cluster numbers from 1; a string that is not there has 0.

    Examples
    --------
    >>> clusters = Clusters.from_strings({"砚川": (1, 3, 9), "鹿泷": (1, 3, 8)})
    >>> clusters.of(Clusters.keys_of(["鹿泷", "书记"])).tolist()
    [[1, 0], [3, 0], [8, 0]]
    """

    def __init__(self, keys: U64Array, clusters: np.ndarray) -> None:
        self.keys = _checked(keys, np.uint64)
        self.clusters = _checked(clusters, np.uint16)
        if self.clusters.shape != (len(GRAINS), len(self.keys)):
            raise InputError(
                f"lexicon: clusters have shape {self.clusters.shape}, expected {(len(GRAINS), len(self.keys))}"
            )
        _check_sorted(self.keys)
        self._bits = radix_bits(len(self.keys))
        self._starts = radix_index(self.keys, self._bits)

    @classmethod
    def from_strings(cls, clusters: Mapping[str, Sequence[int]]) -> Self:
        """Build from strings and their cluster numbers (1 to 65,535) in each grain.

        Raises
        ------
        InputError
            If a string has fewer or more numbers than there are grains, or one out of range.
        """
        for string, found in clusters.items():
            if len(found) != len(GRAINS) or not all(1 <= number <= _MOST for number in found):
                raise InputError(
                    f"lexicon: {string!r} has the clusters {list(found)}, expected {len(GRAINS)} numbers "
                    f"({', '.join(GRAINS)}) from 1 to {_MOST}"
                )
        keys = cls.keys_of(list(clusters))
        numbers = np.array(list(clusters.values()), np.uint16).reshape(-1, len(GRAINS))
        order = np.argsort(keys)
        return cls(keys[order], numbers[order].T)

    @staticmethod
    def keys_of(strings: Sequence[str]) -> U64Array:
        """Return the key of each string: shape (n_strings,)."""
        return np.array([key_of(_codes(string), WORD_SEED) for string in strings], np.uint64)

    def of(self, keys: U64Array) -> U64Array:
        """Return the clusters of keys in every grain: uint64, shape (len(GRAINS), n_keys); 0 where unknown."""
        found: U64Array = _entries.clusters_of(keys, self.keys, self._starts, self._bits, self.clusters)
        return found

    def __len__(self) -> int:
        return len(self.keys)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Clusters):
            return NotImplemented
        return np.array_equal(self.keys, other.keys) and np.array_equal(self.clusters, other.clusters)

    __hash__ = None  # type: ignore[assignment]  # equal by content, and its arrays can change

    def __repr__(self) -> str:
        return f"Clusters({len(self)} strings)"


class Gazetteer:
    """Lists of names, each of a kind: surnames, places, bodies, whatever a user has.

    A tagger does not obey a gazetteer: it learns from annotated text how far each kind of entry is to be trusted, and
    where the words around speak against one, they win.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_prefixes,)
        Keys of the entries and of all their beginnings, sorted.
    kinds : ndarray of uint8, shape (n_prefixes,)
        1 plus the index in `names` of an entry's kind; 0 for a beginning that is no entry itself.
    names : sequence of str
        What the kinds are called.

    Examples
    --------
    >>> gazetteer = Gazetteer.from_entries({"鹿泷": "place", "鹿泷县委": "body", "赵": "surname"})
    >>> gazetteer
    Gazetteer(3 entries of body, place, surname)
    """

    def __init__(self, keys: U64Array, kinds: U8Array, names: Sequence[str]) -> None:
        self.keys = _checked(keys, np.uint64)
        self.kinds = _checked(kinds, np.uint8)
        self.names = tuple(names)
        if self.kinds.shape != self.keys.shape:
            raise InputError(f"gazetteer: {len(self.keys)} keys but kinds of shape {self.kinds.shape}")
        if len(self.kinds) and int(self.kinds.max()) > len(self.names):
            raise InputError(f"gazetteer: a kind has the number {self.kinds.max()}, but there are {len(self.names)}")
        _check_sorted(self.keys)
        self._bits = radix_bits(len(self.keys))
        self._starts = radix_index(self.keys, self._bits)

    @classmethod
    def from_entries(cls, entries: Mapping[str, str] | Iterable[tuple[str, str]]) -> Self:
        """Build from entries and the name of the kind of each; of an entry that comes twice the last kind counts.

        Raises
        ------
        InputError
            If an entry or the name of a kind is empty, or there are more than 255 kinds.
        """
        kinds = dict(entries)
        names = sorted(set(kinds.values()))
        if "" in kinds:
            raise InputError("gazetteer: an entry is empty")
        if odd := [name for name in names if not name or "\n" in name]:
            raise InputError(f"gazetteer: a kind is called {odd[0]!r}, expected a name of one line")
        if len(names) > 255:
            raise InputError(f"gazetteer: {len(names)} kinds, at most 255 were expected")
        number = {name: i for i, name in enumerate(names, 1)}
        strings = list(kinds)
        lengths = np.array([len(string) for string in strings], np.int64)
        keys = _entries.prefix_keys(
            _codes("".join(strings)), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        )
        numbers = np.zeros(len(keys), np.uint8)
        numbers[np.cumsum(lengths) - 1] = [number[kinds[string]] for string in strings]
        order = np.lexsort((numbers, keys))  # an entry comes behind a mere beginning with its key
        keys, numbers = keys[order], numbers[order]
        last = np.ones(len(keys), bool)
        last[:-1] = keys[1:] != keys[:-1]
        return cls(keys[last], numbers[last], names)

    def matches(self, codes: U64Array, offsets: I64Array | None = None) -> U64Array:
        """Find the longest entries at each character.

        Parameters
        ----------
        codes : ndarray of uint64, shape (n_chars,)
            Code points.
        offsets : ndarray of int64, shape (n_texts + 1,), optional
            Where each of several texts begins, and the last one ends; no entry reaches from one into the next.

        Returns
        -------
        found : ndarray of uint64, shape (3, n_chars)
            The longest entry that begins here, that ends here, and that goes on at both sides: 256 times its length
            (up to 8) plus the number of its kind; 0 where there is none.
        """
        offsets = np.array([0, len(codes)]) if offsets is None else offsets
        found: U64Array = _entries.matches(codes, offsets, self.keys, self._starts, self._bits, self.kinds)
        return found

    def kinds_of(self, codes: U64Array, boundaries: I32Array) -> U64Array:
        """Return the number of the kind of each word that is an entry, 0 for others: shape (n_words,)."""
        found: U64Array = _entries.kinds_of(codes, boundaries, self.keys, self._starts, self._bits, self.kinds)
        return found

    def kind_of(self, entry: str) -> str | None:
        """Return the name of the kind of an entry, None if it is none.

        Examples
        --------
        >>> gazetteer = Gazetteer.from_entries({"鹿泷县委": "body"})
        >>> gazetteer.kind_of("鹿泷县委"), gazetteer.kind_of("鹿泷县")
        ('body', None)
        """
        if not entry:
            return None
        (number,) = self.kinds_of(_codes(entry), np.array([0, len(entry)], np.int32)).tolist()
        return self.names[number - 1] if number else None

    def __len__(self) -> int:
        return int(np.count_nonzero(self.kinds))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gazetteer):
            return NotImplemented
        return (
            self.names == other.names
            and np.array_equal(self.keys, other.keys)
            and np.array_equal(self.kinds, other.kinds)
        )

    __hash__ = None  # type: ignore[assignment]  # as Clusters

    def __repr__(self) -> str:
        return f"Gazetteer({len(self)} entries of {', '.join(self.names) or 'no kind'})"


class Lexicon:
    """All that a span tagger is told about words: clusters of words and of pairs of characters, and a gazetteer.

    Parameters
    ----------
    words : Clusters, optional
        Of jieba's words.
    pairs : Clusters, optional
        Of two characters in a row, whatever words they stand in: what helps where a name falls to pieces because no
        dictionary has it.
    gazetteer : Gazetteer, optional

    Examples
    --------
    >>> lexicon = Lexicon(gazetteer=Gazetteer.from_entries({"鹿泷": "place"}))
    >>> lexicon
    Lexicon(words=None, pairs=None, gazetteer=Gazetteer(1 entries of place))
    >>> Lexicon.from_arrays(lexicon.to_arrays()) == lexicon
    True
    """

    def __init__(
        self, *, words: Clusters | None = None, pairs: Clusters | None = None, gazetteer: Gazetteer | None = None
    ) -> None:
        self.words = words
        self.pairs = pairs
        self.gazetteer = gazetteer

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays for a store to keep."""
        arrays: dict[str, np.ndarray] = {}
        for prefix, clusters in zip(_PREFIXES, (self.words, self.pairs), strict=True):
            if clusters is not None:
                arrays |= {f"{prefix}keys": clusters.keys, f"{prefix}clusters": clusters.clusters}
        if self.gazetteer is not None:
            arrays["gazetteer_keys"], arrays["gazetteer_kinds"] = self.gazetteer.keys, self.gazetteer.kinds
            arrays["gazetteer_names"] = np.frombuffer("\n".join(self.gazetteer.names).encode(), np.uint8)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Build the lexicon again from what :meth:`to_arrays` gave.

        Raises
        ------
        InputError
            If the arrays do not fit each other, or are not those of a lexicon.
        """
        _check_names(arrays)
        words, pairs = (
            Clusters(arrays[f"{prefix}keys"], arrays[f"{prefix}clusters"]) if f"{prefix}keys" in arrays else None
            for prefix in _PREFIXES
        )
        gazetteer = None
        if "gazetteer_keys" in arrays:
            names = arrays["gazetteer_names"].tobytes().decode(errors="replace")
            gazetteer = Gazetteer(
                arrays["gazetteer_keys"], arrays["gazetteer_kinds"], names.split("\n") if names else ()
            )
        return cls(words=words, pairs=pairs, gazetteer=gazetteer)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Load a lexicon from the shelf: one that ``tagger lexicon build`` made, or that of a model.

        Parameters
        ----------
        name_or_path : str or Path
            ``"my-lexicon"``, ``"my-lexicon==1.0.0"`` or a folder, as for :func:`tagger.load`.

        Raises
        ------
        ModelNotFoundError
            If there is none.
        ModelFormatError
            If it is damaged, or was made by another version of tagger.
        ConfigurationError
            If it is a model without a lexicon.
        """
        from tagger import artifact, shelf

        folder = shelf.find(name_or_path)
        arrays = artifact.load(folder).arrays
        if "lexicon" not in arrays:
            raise ConfigurationError(f"{folder}: this model has no lexicon")
        try:
            return cls.from_arrays(arrays["lexicon"])
        except InputError as error:
            raise ModelFormatError(f"{folder}: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lexicon):
            return NotImplemented
        return (self.words, self.pairs, self.gazetteer) == (other.words, other.pairs, other.gazetteer)

    __hash__ = None  # type: ignore[assignment]  # as Clusters

    def __repr__(self) -> str:
        return f"Lexicon(words={self.words}, pairs={self.pairs}, gazetteer={self.gazetteer})"


def _codes(string: str) -> U64Array:
    return np.frombuffer(string.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def _check_names(arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays that are none of a lexicon's, and parts of which one is missing."""
    if odd := sorted(arrays.keys() - {name for names in _ARRAYS for name in names}):
        raise InputError(f"lexicon: unknown array {odd[0]!r}; another version of tagger made it: make it again")
    for names in _ARRAYS:
        if arrays.keys() & set(names) and (missing := [name for name in names if name not in arrays]):
            raise InputError(f"lexicon: the array {missing[0]!r} is missing")


def _checked(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    """Return the array in one piece, and of the type that the compiled code was made for."""
    if array.dtype != dtype:
        raise InputError(f"lexicon: an array holds {array.dtype}, expected {np.dtype(dtype)}")
    return np.ascontiguousarray(array)


def _check_sorted(keys: U64Array) -> None:
    if keys.ndim != 1:
        raise InputError(f"lexicon: the keys have shape {keys.shape}, expected one dimension")
    if not np.all(keys[:-1] < keys[1:]):
        raise InputError("lexicon: the keys are not sorted, or hold a key twice")
