"""Linear-chain conditional random field over hashed attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tagger._typing import F64Array, I32Array, I64Array, U64Array
from tagger.crf._decoding import ChainDecoder, PathDifference, Segments
from tagger.crf._lookup import finder
from tagger.crf._sequences import check_legal, check_lengths, check_packed, hash_attributes, pack
from tagger.crf._storage import _StoredWeights
from tagger.crf.scheme import Scheme, open_edges, segment_borders
from tagger.errors import ConfigurationError

if TYPE_CHECKING:
    from tagger.crf._descent import Judge

__all__ = ["LinearChainCRF", "PathDifference", "Segments", "hash_attributes"]

Packed = tuple[U64Array, I64Array, I64Array]
"""Keys, offsets and gold of a validation part, as `fit_arrays` takes them."""


class LinearChainCRF(_StoredWeights, ChainDecoder):
    r"""Label every token of a sequence, jointly.

    The probability of tags :math:`y` for a sequence :math:`x` of :math:`n` tokens is [1]_

    .. math:: p(y|x) = \frac{1}{Z(x)} \exp\Big(s_{y_1} + \sum_t \sum_{f \in x_t} w_{f,y_t}
              + \sum_{t>1} A_{y_{t-1},y_t} + e_{y_n}\Big)

    with a weight for each attribute and tag, each pair of tags, each first and each last tag. It is trained by
    stochastic gradient descent on :math:`-\log p(y|x)`, one AdaGrad step [2]_ an attribute and token. Two things keep
    it from learning the training text by heart: a share of the attributes is dropped at random at every token, and the
    weights are averaged over the passes, late ones counting more [3]_. Tag pairs that the scheme forbids have weight
    minus infinity in training and prediction, so that :math:`Z` sums over legal paths only.

    Parameters
    ----------
    max_iter : int
        Passes over the data; the most, where there is a validation part.
    learning_rate : float
        AdaGrad's step; its squared gradients start at 1, so that the many near-zero gradients of a rare attribute
        make near-zero steps and most weights end close enough to zero to be pruned.
    dropout : float in [0, 1)
        Share of attributes dropped at each token in training.
    min_count : int
        Attributes seen at fewer tokens than this are not learned.
    prune : float
        Averaged weights of at most this size are set to zero and not stored.
    patience : int
        With a validation part, training stops when its score has not risen for this many passes.
    scheme : {"bioes", "free"}
        Which tags may follow which: by their BIOES prefixes, or any.
    random_state : int
        Seed of the order of the sequences and of the dropout.

    Attributes
    ----------
    tags_ : list of str
    keys_ : ndarray of uint64, shape (n_features,)
        Learned attribute keys, sorted.
    indptr_, weight_tags_, weights_ : ndarray
        Weights by attribute: attribute ``f`` votes for tags ``weight_tags_[p]`` with ``weights_[p]`` for ``p`` in
        ``indptr_[f]:indptr_[f + 1]``. Weights are whole multiples of ``scale_`` that fit 16 bits.
    transitions_ : ndarray of shape (n_tags, n_tags)
        ``transitions_[i, j]`` is for tag ``i`` followed by ``j``; minus infinity where forbidden.
    start_, end_ : ndarray of shape (n_tags,)
    losses_ : list of float
        Mean negative log-likelihood a token of each pass, under dropout.
    scores_ : list of float
        Score of the validation part after each pass: F1 of its segments, or the share of right tags in the free scheme.
    best_iter_ : int
        The pass whose averaged weights were kept: the best on the validation part, or the last without one.

    References
    ----------
    .. [1] Lafferty, McCallum, Pereira (2001), Conditional random fields. ICML.
    .. [2] Duchi, Hazan, Singer (2011), Adaptive subgradient methods. JMLR 12.
    .. [3] Shamir, Zhang (2013), Stochastic gradient descent for non-smooth optimization. ICML.

    Examples
    --------
    >>> X = [[["党"], ["建"]], [["审"], ["计"]]] * 8
    >>> y = [["B-T", "E-T"], ["O", "O"]] * 8
    >>> LinearChainCRF(max_iter=20).fit(X, y).predict([[["党"], ["建"]]])
    [['B-T', 'E-T']]
    """

    losses_: list[float]
    scores_: list[float]
    best_iter_: int

    def __init__(
        self,
        *,
        max_iter: int = 8,
        learning_rate: float = 0.05,
        dropout: float = 0.4,
        min_count: int = 1,
        prune: float = 0.03,
        patience: int = 2,
        scheme: Scheme = "bioes",
        random_state: int = 0,
    ) -> None:
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.min_count = min_count
        self.prune = prune
        self.patience = patience
        self.scheme = scheme
        self.random_state = random_state

    # -- learning --------------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[Sequence[str]],
        *,
        validation: tuple[Sequence[Any], Sequence[Sequence[str]]] | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> Self:
        """Learn from tagged sequences.

        Parameters
        ----------
        X : sequence
            One item a sequence: an ndarray of uint64 keys, shape (n_tokens, n_attributes), where 0 stands for no
            attribute; or the attribute strings of each token, as :func:`hash_attributes` takes them.
        y : sequence of sequence of str
            One tag a token.
        validation : (X, y), optional
            Sequences that are not learned from: training stops when their score no longer rises, and keeps the weights
            of the best pass.
        progress : callable, optional
            Called with the number of each finished pass and its loss.

        Raises
        ------
        InputError
            If a sequence and its tags differ in length, or nothing is left to learn from.
        AnnotationError
            If tags follow each other that the scheme forbids; the message names the sequence and the token.
        ConfigurationError
            If a parameter is out of its range, or the learning rate is so large that training diverges.

        Examples
        --------
        >>> X, y = [[["砚"], ["川"], ["今"]], [["今"], ["日"]]], [["B-地", "E-地", "O"], ["O", "O"]]
        >>> crf = LinearChainCRF(max_iter=50).fit(X * 5, y * 5, validation=(X, y))
        >>> crf.scores_[crf.best_iter_ - 1], len(crf.scores_) < 50
        (1.0, True)
        """
        return self._fit_sequences(X, y, [], validation, progress, warm=False)

    def partial_fit(
        self,
        X: Sequence[Any],
        y: Sequence[Sequence[str]],
        *,
        validation: tuple[Sequence[Any], Sequence[Sequence[str]]] | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> Self:
        """Learn on from what was learned before; on a model that is not fitted, the same as :meth:`fit`.

        Training starts from the stored weights and passes over the new sequences alone, up to `max_iter` times: what
        they contradict is forgotten, so mix in old ones that matter. There may be new attributes and new tags; tags
        that were known keep their place in ``tags_``, new ones follow in order.

        Parameters
        ----------
        X, y, validation, progress
            As for :meth:`fit`.

        Raises
        ------
        InputError, AnnotationError, ConfigurationError
            As for :meth:`fit`.

        Examples
        --------
        >>> crf = LinearChainCRF(max_iter=20).fit([[["砚"], ["川"]]] * 8, [["B-地", "E-地"]] * 8)
        >>> crf.partial_fit([[["唐"]]] * 8, [["S-人"]] * 8).tags_
        ['O', 'B-地', 'E-地', 'S-人']
        >>> crf.predict([[["砚"], ["川"]], [["唐"]]])
        [['B-地', 'E-地'], ['S-人']]
        """
        known = list(self.tags_) if self._is_fitted() else []
        return self._fit_sequences(X, y, known, validation, progress, warm=True)

    def fit_arrays(
        self,
        keys: U64Array,
        offsets: I64Array,
        gold: I64Array,
        tags: Sequence[str],
        *,
        validation: Packed | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> Self:
        """Learn from packed sequences; what :meth:`fit` calls once it has packed its input.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n_tokens, n_attributes)
            All sequences one after another; 0 stands for no attribute. Keys must be spread evenly over 64 bits, as
            mixed ones are (:meth:`fit` mixes those it is given).
        offsets : ndarray of int64, shape (n_sequences + 1,)
            Sequence ``s`` is ``keys[offsets[s]:offsets[s + 1]]``.
        gold : ndarray of int64, shape (n_tokens,)
            Index into `tags` of each token's tag.
        tags : sequence of str
        validation : (keys, offsets, gold), optional
            Sequences to stop by, packed in the same way.
        progress : callable, optional
            As for :meth:`fit`.

        Raises
        ------
        InputError, AnnotationError, ConfigurationError
            As for :meth:`fit`.

        Examples
        --------
        >>> keys = hash_attributes([["砚"], ["川"], ["今"]])
        >>> crf = LinearChainCRF(max_iter=20, dropout=0.0)
        >>> crf = crf.fit_arrays(keys, np.array([0, 2, 3]), np.array([1, 2, 0]), ["O", "B-地", "E-地"])
        >>> crf.viterbi(crf.emissions(keys[:2])).tolist()
        [1, 2]
        """
        return self._fit(keys, offsets, gold, tags, validation, progress, warm=False)

    def partial_fit_arrays(
        self,
        keys: U64Array,
        offsets: I64Array,
        gold: I64Array,
        tags: Sequence[str],
        *,
        validation: Packed | None = None,
        progress: Callable[[int, float], None] | None = None,
    ) -> Self:
        """Learn on from packed sequences; what :meth:`partial_fit` calls.

        Parameters
        ----------
        keys, offsets, gold, validation, progress
            As for :meth:`fit_arrays`.
        tags : sequence of str
            All tags from now on, in any order: those that were known, and new ones.

        Raises
        ------
        InputError
            If a tag that was learned is not among `tags`; and as for :meth:`fit`.
        AnnotationError, ConfigurationError
            As for :meth:`fit`.

        Examples
        --------
        >>> keys = hash_attributes([["砚"], ["唐"]])
        >>> crf = LinearChainCRF(max_iter=20, dropout=0.0)
        >>> crf = crf.fit_arrays(keys[:1], np.array([0, 1]), np.array([1]), ["O", "S-地"])
        >>> crf = crf.partial_fit_arrays(keys, np.array([0, 1, 2]), np.array([2, 1]), ["O", "S-人", "S-地"])
        >>> [crf.tags_[j] for key in keys for j in crf.viterbi(crf.emissions(key[None]))]
        ['S-地', 'S-人']
        """
        return self._fit(keys, offsets, gold, tags, validation, progress, warm=self._is_fitted())

    # -- prediction ------------------------------------------------------------------------------------------------

    def predict(self, X: Sequence[Any]) -> list[list[str]]:
        """Return the most probable legal tag path of each sequence."""
        self._check_fitted("weights_")
        keys, offsets = pack(X)
        scores = self.emissions(keys)
        return [[self.tags_[tag] for tag in self.viterbi(scores[a:b])] for a, b in pairwise(offsets)]

    def predict_marginals(self, X: Sequence[Any]) -> list[F64Array]:
        """Return the probability of each tag at each token: one array (n_tokens, n_tags) a sequence."""
        self._check_fitted("weights_")
        keys, offsets = pack(X)
        scores = self.emissions(keys)
        return [self.marginals(scores[a:b])[1] for a, b in pairwise(offsets)]

    # -- inner parts -----------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        if self.scheme not in ("bioes", "free"):
            raise ConfigurationError(f"scheme={self.scheme!r}: expected 'bioes' or 'free'")
        if not 0 <= self.dropout < 1:
            raise ConfigurationError(f"dropout={self.dropout!r}: expected a share from 0 to below 1")
        for name in ("max_iter", "min_count", "learning_rate", "patience"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}={getattr(self, name)!r}: expected a number above 0")

    def _is_fitted(self) -> bool:
        return hasattr(self, "weights_")

    def _fit_sequences(
        self,
        X: Sequence[Any],
        y: Sequence[Sequence[str]],
        known: list[str],
        validation: tuple[Sequence[Any], Sequence[Sequence[str]]] | None,
        progress: Callable[[int, float], None] | None,
        *,
        warm: bool,
    ) -> Self:
        """Pack what users give; new tags stand behind the `known` ones, the one for outside first."""
        parts = [(X, y)] if validation is None else [(X, y), validation]
        new = {tag for _, part in parts for tags in part for tag in tags} - set(known)
        names = known + sorted(new | ({"O"} - set(known)), key=lambda tag: (tag != "O", tag))
        index = {tag: i for i, tag in enumerate(names)}
        packed: list[Packed] = []
        for sequences, part in parts:
            keys, offsets = pack(sequences)
            check_lengths(offsets, part)
            packed.append((keys, offsets, np.array([index[tag] for tags in part for tag in tags], np.int64)))
        held_out = packed[1] if validation is not None else None
        return self._fit(*packed[0], names, held_out, progress, warm=warm and self._is_fitted())

    def _fit(
        self,
        keys: U64Array,
        offsets: I64Array,
        gold: I64Array,
        tags: Sequence[str],
        validation: Packed | None,
        progress: Callable[[int, float], None] | None,
        *,
        warm: bool,
    ) -> Self:
        """Learn from packed sequences, starting from what was learned before if `warm`; nothing changes on failure."""
        from tagger.crf import _descent  # what training alone needs is not loaded for predictions

        tags = list(tags)
        self._check_parameters()
        check_packed(keys, offsets, gold, len(tags))
        offsets = np.unique(offsets)  # empty sequences say nothing
        edges = open_edges(tags, self.scheme)
        check_legal(gold, offsets, tags, edges, self.scheme)
        vocabulary = self._vocabulary(keys, warm=warm)
        find = finder(vocabulary)
        weights = _descent.Weights(np.zeros((len(vocabulary), len(tags)), np.float32), *edges)
        if warm:
            self._write_weights(vocabulary, tags, *weights)
        judge = None if validation is None else self._judge(validation, tags, find)
        descent = _descent.Descent(self.max_iter, self.learning_rate, self.dropout, self.patience, judge)
        data = _descent.Tagged(find(keys), gold, offsets)
        learned = descent.run(data, weights, random_state=self.random_state, progress=progress)
        self.tags_ = tags
        self.losses_, self.scores_, self.best_iter_ = descent.losses, descent.scores, descent.best_iter
        self.transitions_, self.start_, self.end_ = learned[1:]
        self._keep(vocabulary, learned.features)
        return self

    def _judge(self, validation: Packed, tags: list[str], find: Callable[[U64Array], I32Array]) -> Judge:
        from tagger.crf._descent import Judge, Tagged

        keys, offsets, gold = validation
        check_packed(keys, offsets, gold, len(tags), what="validation: ")
        borders = segment_borders(tags) if self.scheme == "bioes" else None
        return Judge(Tagged(find(keys), gold, np.unique(offsets)), self.prune, borders)

    def _vocabulary(self, keys: U64Array, *, warm: bool) -> U64Array:
        """Attributes to learn weights for, sorted: those of the data and, if `warm`, those that have some."""
        found, counts = np.unique(keys, return_counts=True)
        vocabulary: U64Array = found[(counts >= self.min_count) & (found != 0)]
        return np.union1d(vocabulary, self.keys_) if warm else vocabulary
