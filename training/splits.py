"""Splits that keep near-duplicates together: articles are reprinted, and a reprint in both parts is a leak."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from tagger.features._counting import gram_keys
from tagger.features._keys import fold_all
from tagger.features.templates import char_classes, codepoints, is_wordlike

__all__ = ["grouped_folds", "near_duplicate_groups"]

_SHINGLE = 6  # characters; shorter ones are shared by articles that only speak the same officialese
_HASHES = 128
_BAND = 4  # rows a band: two articles of similarity 0.5 share one of the 32 bands with probability 0.87


def near_duplicate_groups(texts: Sequence[str], *, threshold: float = 0.5) -> np.ndarray:
    """Give each text the number of its group: texts are near-duplicates, directly or through others.

    Candidates come from banded MinHash signatures [1]_ of character 6-grams; each is checked by its exact containment:
    the shared 6-grams as a share of the shorter text's, so that an excerpt counts as a duplicate of the whole.

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
    shingles = [_shingles(text) for text in texts]
    pairs = np.array(
        [
            (a, b)
            for a, b in sorted(_candidates(shingles))
            if len(np.intersect1d(shingles[a], shingles[b], assume_unique=True))
            >= threshold * max(1, min(len(shingles[a]), len(shingles[b])))
        ],
        np.int64,
    ).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(texts), len(texts)))
    _, labels = connected_components(csr_matrix(graph), directed=False)
    _, first, groups = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[groups].astype(np.int64)


def grouped_folds(groups: np.ndarray, n_folds: int, *, random_state: int = 0) -> np.ndarray:
    """Deal groups out to folds of about equal size: the number of its fold for each item.

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
    keys, _, _ = gram_keys(codes[kept > 0], kept[kept > 0], np.zeros(1, np.int32), _SHINGLE, _SHINGLE, False)
    return np.unique(keys)


def _candidates(shingles: Sequence[np.ndarray]) -> set[tuple[int, int]]:
    """Pairs of texts that agree in all rows of a band of their signatures, or begin alike."""
    pairs: set[tuple[int, int]] = set()
    nonempty = [i for i, keys in enumerate(shingles) if len(keys)]
    signatures = np.array([[fold_all(shingles[i], h).min() for h in range(_HASHES)] for i in nonempty], np.uint64)
    for band in range(0, _HASHES if nonempty else 0, _BAND):
        buckets: dict[bytes, list[int]] = {}
        for i, row in zip(nonempty, signatures[:, band : band + _BAND], strict=True):
            buckets.setdefault(row.tobytes(), []).append(i)
        for members in buckets.values():
            pairs.update(pairwise(members))
            pairs.update((members[0], other) for other in members[2:])
    return pairs
