"""The learned weights in the order in which prediction reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np

from tagger._typing import F64Array, I16Array, I32Array, U32Array, U64Array
from tagger.crf._scores import find_ids, find_slots, sum_weights
from tagger.errors import InputError
from tagger.features._keys import radix_bits, radix_index

__all__ = ["Lookup", "finder"]

_DENSE = 8  # attributes that vote for this many tags are added as whole rows, which vectorises


class Lookup(NamedTuple):
    """A table of keys and two stores of weights; see `_scores.find_slots` and `_scores.sum_weights`."""

    table: U32Array
    starts: I32Array
    bits: int
    dense: I16Array
    sparse: I32Array
    scale: float

    @classmethod
    def build(
        cls, keys: U64Array, indptr: I32Array, tags: I32Array, weights: I16Array, n_tags: int, scale: float
    ) -> Self:
        """Lay out weights that are given by attribute.

        Raises
        ------
        InputError
            If there are more weights than the table can point at.
        """
        counts = np.diff(indptr)
        is_dense = counts >= _DENSE
        in_row = np.repeat(is_dense, counts)  # (n_weights,)
        rows = np.cumsum(is_dense) - 1
        dense = np.zeros((int(is_dense.sum()), n_tags), np.int16)
        dense[np.repeat(rows, counts)[in_row], tags[in_row]] = weights[in_row]
        sparse = (tags[~in_row] << 16) | (weights[~in_row].astype(np.int32) & 0xFFFF)
        lengths = np.where(is_dense, 0, counts).astype(np.int64)
        runs = np.cumsum(lengths) - lengths
        if len(sparse) >= 1 << 28:
            raise InputError(f"{len(sparse)} weights of rare attributes are more than 2**28: raise prune or min_count")
        table = np.empty((len(keys), 2), np.uint32)
        table[:, 0] = keys & np.uint64(0xFFFFFFFF)
        table[:, 1] = np.where(is_dense, rows << 1 | 1, runs << 4 | lengths << 1)
        bits = radix_bits(len(keys))
        return cls(table, radix_index(keys, bits), bits, dense, sparse.astype(np.int32), scale)

    def scores(self, keys: U64Array) -> F64Array:
        """Sum the weights of the attributes of each token: shape (n_tokens, n_tags)."""
        slots = find_slots(keys, self.table, self.starts, self.bits)
        found: F64Array = sum_weights(slots, self.dense, self.sparse, self.scale)
        return found


def finder(vocabulary: U64Array) -> Callable[[U64Array], I32Array]:
    """Return what looks keys up in a sorted vocabulary: the position of each, or -1."""
    bits = radix_bits(len(vocabulary))
    starts = radix_index(vocabulary, bits)

    def find(keys: U64Array) -> I32Array:
        ids: I32Array = find_ids(keys, vocabulary, starts, bits)
        return ids

    return find
