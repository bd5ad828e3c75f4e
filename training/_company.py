"""Vectors and clusters of items by the company that they keep."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tagger.errors import InputError

__all__ = ["Neighbour", "clusters", "mutual_information", "vectors"]

_log = logging.getLogger(__name__)

_CHUNK = 1 << 22  # positions counted at once: tens of megabytes, however much text there is


class Neighbour(NamedTuple):
    """One place beside an item that is looked at.

    Attributes
    ----------
    distance : int
        Steps to the right of the item; negative ones to its left.
    weight : float
        What one neighbour there counts.
    block : int
        Neighbours of one block are counted together, those of others apart.
    """

    distance: int
    weight: float
    block: int


def mutual_information(
    items: np.ndarray, contexts: np.ndarray, neighbours: Sequence[Neighbour], n_items: int, n_contexts: int
) -> Any:
    r"""Return the positive pointwise mutual information of items and their neighbours.

    .. math:: \max\Big(0, \log \frac{n_{ic}\, N}{n_i\, n_c^{0.75} N / \sum_c n_c^{0.75}}\Big)

    The power smooths the contexts [1]_: without it, rare ones count too much.

    Parameters
    ----------
    items, contexts : ndarray of int32, shape (n_positions,)
        Number of the item, and of the context, at each position; -1 for none. Texts are parted by enough of these.
    neighbours : sequence of Neighbour
    n_items, n_contexts : int

    Returns
    -------
    information : scipy.sparse.csr_matrix of float32, shape (n_items, n_blocks * n_contexts)

    Raises
    ------
    InputError
        If no item has a neighbour.

    References
    ----------
    .. [1] Levy, Goldberg, Dagan (2015), Improving distributional similarity with lessons learned from word embeddings.
           TACL 3.
    """
    from scipy.sparse import coo_matrix

    n_columns = (1 + max(neighbour.block for neighbour in neighbours)) * n_contexts
    table = _counts(items, contexts, neighbours, (n_items, n_columns), n_contexts).tocoo()
    if not table.nnz:
        raise InputError(f"the raw text holds {n_items} frequent items, but no two of them stand next to each other")
    total = table.data.sum(dtype=np.float64)
    of_item = np.bincount(table.row, weights=table.data, minlength=n_items)
    of_context = np.bincount(table.col, weights=table.data, minlength=n_columns) ** 0.75
    of_context *= total / of_context.sum()
    information = np.log(table.data * total / (of_item[table.row] * of_context[table.col]))
    kept = information > 0
    return coo_matrix(
        (information[kept].astype(np.float32), (table.row[kept], table.col[kept])), shape=table.shape
    ).tocsr()


def vectors(information: Any, n_dimensions: int, random_state: int) -> np.ndarray:
    r"""Return unit vectors of the items, :math:`U\sqrt{S}` of a truncated SVD: float32, (n_items, n_dimensions)."""
    from sklearn.utils.extmath import randomized_svd

    left, singular, _ = randomized_svd(information, n_dimensions, n_iter=4, random_state=random_state)
    found = left * np.sqrt(singular)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    unit: np.ndarray = (found / np.maximum(norms, 1e-9)).astype(np.float32)
    return unit


def clusters(unit: np.ndarray, sizes: Sequence[int], random_state: int) -> np.ndarray:
    """Cluster vectors by k-means, once for each number of clusters: uint16 from 1, shape (len(sizes), n_items)."""
    from sklearn.cluster import MiniBatchKMeans

    found = np.empty((len(sizes), len(unit)), np.uint16)
    for row, k in zip(found, sizes, strict=True):
        means = MiniBatchKMeans(k, random_state=random_state, n_init=1, batch_size=8192, max_iter=30)
        row[:] = means.fit_predict(unit) + 1
        _log.info("lexicon: %d clusters of %d items", k, len(unit))
    return found


def _counts(
    items: np.ndarray, contexts: np.ndarray, neighbours: Sequence[Neighbour], shape: tuple[int, int], n_contexts: int
) -> Any:
    """Weighted counts of each item and neighbour, CSR of float32, a stretch of the text after another."""
    from scipy.sparse import coo_matrix, csr_matrix

    counts: Any = csr_matrix(shape, dtype=np.float32)
    for start in range(0, len(items), _CHUNK):
        at = start + np.flatnonzero(items[start : start + _CHUNK] >= 0)
        rows, columns, weights = [], [], []
        for distance, weight, block in neighbours:
            here = at[(at + distance >= 0) & (at + distance < len(contexts))]
            seen = contexts[here + distance]
            rows.append(items[here][seen >= 0])
            columns.append(seen[seen >= 0].astype(np.int64) + block * n_contexts)
            weights.append(np.full(len(columns[-1]), weight, np.float32))
        places = (np.concatenate(rows), np.concatenate(columns))
        counts = counts + coo_matrix((np.concatenate(weights), places), shape=shape).tocsr()
    return counts
