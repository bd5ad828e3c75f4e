"""Splits that keep near-duplicates together: articles are reprinted, and a reprint in both parts is a leak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from tagger.features._counting import gram_keys
from tagger.features.templates import char_classes, codepoints, is_wordlike

__all__ = ["grouped_folds", "near_duplicate_groups"]

_SHINGLE = 6  # characters; shorter ones are shared by articles that only speak the same officialese
_ROWS = 512  # texts that are compared with all others at a time, so that memory does not grow with their square


def near_duplicate_groups(texts: Sequence[str], *, threshold: float = 0.5) -> np.ndarray:
    """Give each text the number of its group: texts are near-duplicates, directly or through others.

    What counts is containment [1]_: the character 6-grams (letters, digits and Han only) that two texts share, as a
    share of the shorter one's, so that an excerpt is a duplicate of the whole. Every pair of texts is compared, by
    products of sparse matrices; the time is that of the pairs which share a gram.

    Parameters
    ----------
    texts : sequence of str
    threshold : float
        Containment from which on two texts belong together.

    Returns
    -------
    groups : ndarray of int64, shape (n_texts,)
        Group numbers, from 0 in order of first text.

    References
    ----------
    .. [1] Broder (1997), On the resemblance and containment of documents. SEQUENCES.

    Examples
    --------
    >>> text = "砚川市审计局今日公布全市审计整改情况，要求限期整改到位。"
    >>> near_duplicate_groups([text, "花市今日开市，游客如织，花农说今年行情好。", text[:20]]).tolist()
    [0, 1, 0]
    """
    pairs = np.concatenate([np.empty((0, 2), np.int64), *_duplicates([_shingles(text) for text in texts], threshold)])
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(texts), len(texts)))
    _, labels = connected_components(csr_matrix(graph), directed=False)
    _, first, groups = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[groups].astype(np.int64)


def grouped_folds(groups: np.ndarray, n_folds: int, *, random_state: int = 0) -> np.ndarray:
    """Deal groups out to folds of about equal size: the number of its fold for each item.

    The largest groups are dealt out first, each to the fold that has fewest items so far; equal ones in random order.

    Examples
    --------
    >>> folds = grouped_folds(np.array([0, 1, 0, 2, 3]), 2)
    >>> bool(folds[0] == folds[2]), sorted(np.bincount(folds).tolist())
    (True, [2, 3])
    """
    rng = np.random.default_rng(random_state)
    sizes = np.bincount(groups)
    order = rng.permutation(len(sizes))
    fold_of = np.zeros(len(sizes), np.int64)
    filled = np.zeros(n_folds, np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[group] = int(np.argmin(filled))
        filled[fold_of[group]] += sizes[group]
    return fold_of[groups]


def _shingles(text: str) -> np.ndarray:
    codes = codepoints(text)
    kept = is_wordlike(char_classes(codes))
    n = min(_SHINGLE, int(np.count_nonzero(kept)))  # a text that is shorter is one gram
    if not n:
        return np.empty(0, np.uint64)
    keys, _, _ = gram_keys(codes[kept > 0], kept[kept > 0], np.zeros(1, np.int32), n, n, False)
    return np.unique(keys)


def _duplicates(shingles: Sequence[np.ndarray], threshold: float) -> Iterator[np.ndarray]:
    """Yield pairs of texts of which one contains enough of the other: each of shape (n_pairs, 2)."""
    table = _incidence(shingles)
    across = table.T.tocsr()
    sizes = np.array([len(keys) for keys in shingles])
    for first in range(0, len(shingles), _ROWS):
        shared = (table[first : first + _ROWS] @ across).tocoo()
        one, other = shared.row.astype(np.int64) + first, shared.col.astype(np.int64)
        near = shared.data >= threshold * np.minimum(sizes[one], sizes[other])
        yield np.column_stack((one[near], other[near]))


def _incidence(shingles: Sequence[np.ndarray]) -> csr_matrix:
    """Return which text has which gram: ones of shape (n_texts, n_grams), grams that only one text has left out."""
    keys, columns = np.unique(np.concatenate([np.empty(0, np.uint64), *shingles]), return_inverse=True)
    ends = np.cumsum([0, *map(len, shingles)])
    table = csr_matrix((np.ones(len(columns), np.int32), columns, ends), shape=(len(shingles), len(keys)))
    return table[:, np.bincount(columns, minlength=len(keys)) > 1]
