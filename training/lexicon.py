"""Learn word clusters from raw text: no labels needed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tagger.errors import InputError
from tagger.features.lexicon import GRAINS, WordClusters
from tagger.text.normalize import Normalizer
from tagger.text.segmenter import Segmenter
from training._progress import track
from training.corpus import field, read_rows

__all__ = ["learn_clusters", "read_raw"]

_log = logging.getLogger(__name__)


def read_raw(paths: Iterable[Path], *, exclude: Collection[str] = ()) -> Iterator[str]:
    """Yield the texts (title, line end, body) of JSON lines files (plain, gzip, xz) but those of the ids `exclude`."""
    for path in paths:
        for where, row in read_rows(path):
            if field(row, "id", str, where) not in exclude:
                body = field(row, "body", str, where)
                yield f"{row['title']}\n{body}" if row.get("title") else body


def learn_clusters(
    texts: Iterable[str],
    *,
    min_count: int = 20,
    n_contexts: int = 20_000,
    n_dimensions: int = 100,
    n_clusters: tuple[int, int, int] = (64, 512, 2000),
    random_state: int = 0,
) -> WordClusters:
    r"""Cluster the words of `texts` by the company they keep.

    Words are counted with their neighbours up to two words to the left and to the right (the second at half weight);
    the counts become positive pointwise mutual information, contexts smoothed by the power 0.75 [1]_, whose truncated
    singular value decomposition gives each word a vector :math:`U\sqrt{S}`; k-means on the normalised vectors gives
    the clusters. One thread, so that the result does not depend on how sums were split.

    Parameters
    ----------
    texts : iterable of str
        Read once.
    min_count : int
        Rarer words are left out.
    n_contexts : int
        How many of the most frequent words are looked at as neighbours.
    n_dimensions : int
    n_clusters : (int, int, int)
        Clusters of each grain.
    random_state : int

    Raises
    ------
    InputError
        If fewer words than the largest number of clusters are frequent enough, or none has neighbours.

    References
    ----------
    .. [1] Levy, Goldberg, Dagan (2015), Improving distributional similarity with lessons learned from word embeddings.
           TACL 3.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    words, tokens, lengths = _tokens(texts, min_count)
    if len(words) < max(n_clusters):
        raise InputError(
            f"only {len(words)} words stand {min_count} times in the raw text: give more text, or fewer than "
            f"{max(n_clusters)} clusters"
        )
    with threadpool_limits(1):
        vectors = _vectors(_mutual_information(tokens, lengths, len(words), n_contexts), n_dimensions, random_state)
        clusters = np.empty((len(GRAINS), len(words)), np.uint16)
        for grain, k in enumerate(n_clusters):
            means = MiniBatchKMeans(k, random_state=random_state, n_init=1, batch_size=8192, max_iter=30)
            clusters[grain] = means.fit_predict(vectors) + 1
            _log.info("lexicon: %d clusters", k)
    keys = WordClusters.keys_of(words)
    order = np.argsort(keys)
    return WordClusters(keys[order], clusters[:, order])


def _tokens(texts: Iterable[str], min_count: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Frequent words, most frequent first; all tokens as their numbers (-1 for rarer words); tokens of each text."""
    normalizer, segmenter = Normalizer(), Segmenter()
    numbers: dict[str, int] = {}
    parts = []
    for text in track(texts, "lexicon: texts read", every=20_000):
        words = segmenter.cut(normalizer(text).text)
        parts.append(np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int32))
    tokens = np.concatenate([np.empty(0, np.int32), *parts])
    counts = np.bincount(tokens, minlength=len(numbers))
    order = np.argsort(-counts, kind="stable")
    frequent = order[counts[order] >= min_count]
    rank = np.full(len(numbers), -1, np.int32)
    rank[frequent] = np.arange(len(frequent))
    spelled = list(numbers)
    return [spelled[i] for i in frequent], rank[tokens], np.array([len(part) for part in parts])


def _mutual_information(tokens: np.ndarray, lengths: np.ndarray, n_words: int, n_contexts: int) -> Any:
    """Positive pointwise mutual information of words and neighbours: CSR (n_words, 2 * n_contexts), left then right."""
    from scipy.sparse import coo_matrix

    text_of = np.repeat(np.arange(len(lengths)), lengths)
    counts: Any = None
    for distance in (1, 2):
        left, right = tokens[:-distance], tokens[distance:]
        near = (text_of[:-distance] == text_of[distance:]) & (left >= 0) & (right >= 0)
        for word, context, side in ((left[near], right[near], 1), (right[near], left[near], 0)):
            seen = context < n_contexts
            weights = np.full(int(seen.sum()), 1.0 / distance, np.float32)
            places = (word[seen], context[seen] + side * n_contexts)
            block = coo_matrix((weights, places), shape=(n_words, 2 * n_contexts)).tocsr()
            counts = block if counts is None else counts + block
    table = counts.tocoo()
    if not table.nnz:
        raise InputError(f"the raw text holds {n_words} frequent words, but no two of them stand next to each other")
    total = table.data.sum(dtype=np.float64)
    of_word = np.bincount(table.row, weights=table.data, minlength=n_words)
    of_context = np.bincount(table.col, weights=table.data, minlength=2 * n_contexts) ** 0.75
    of_context *= total / of_context.sum()
    information = np.log(table.data * total / (of_word[table.row] * of_context[table.col]))
    kept = information > 0
    return coo_matrix(
        (information[kept].astype(np.float32), (table.row[kept], table.col[kept])), shape=table.shape
    ).tocsr()


def _vectors(information: Any, n_dimensions: int, random_state: int) -> np.ndarray:
    """Return unit vectors of the words: float32, shape (n_words, n_dimensions)."""
    from sklearn.utils.extmath import randomized_svd

    left, singular, _ = randomized_svd(information, n_dimensions, n_iter=4, random_state=random_state)
    vectors = left * np.sqrt(singular)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = (vectors / np.maximum(norms, 1e-9)).astype(np.float32)
    return unit
