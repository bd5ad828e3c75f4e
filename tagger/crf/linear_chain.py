"""Linear-chain conditional random field over hashed attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from tagger._estimator import Estimator
from tagger._typing import F32Array, F64Array, I16Array, I32Array, I64Array, U32Array, U64Array
from tagger.crf import _kernels, _training
from tagger.crf.scheme import legal_transitions
from tagger.errors import AnnotationError, ConfigurationError, InputError
from tagger.features._keys import fold_all, radix_bits, radix_index

__all__ = ["LinearChainCRF", "hash_attributes"]

Scheme = Literal["bioes", "free"]

_DENSE = 8  # attributes that vote for this many tags are added as whole rows, which vectorises


def hash_attributes(tokens: Sequence[Sequence[str]]) -> U64Array:
    """Turn attribute strings into the 64-bit keys that the model works on.

    Parameters
    ----------
    tokens : sequence of sequence of str
        The attributes of each token; tokens may have different numbers of them.

    Returns
    -------
    keys : ndarray of uint64, shape (n_tokens, most attributes of any token)
        BLAKE2b of the UTF-8 string, cut to 64 bits; 0 where a token has fewer attributes.

    Examples
    --------
    >>> hash_attributes([["字=党", "类=汉"], ["字=建"]]).shape
    (2, 2)
    """
    width = max((len(attributes) for attributes in tokens), default=0)
    keys = np.zeros((len(tokens), width), np.uint64)
    for t, attributes in enumerate(tokens):
        for a, attribute in enumerate(attributes):
            digest = hashlib.blake2b(attribute.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            keys[t, a] = int.from_bytes(digest, "little")
    return keys


class LinearChainCRF(Estimator):
    r"""Label every token of a sequence, jointly.

    The probability of tags :math:`y` for a sequence :math:`x` of :math:`n` tokens is [1]_

    .. math:: p(y|x) = \frac{1}{Z(x)} \exp\Big(s_{y_1} + \sum_t \sum_{f \in x_t} w_{f,y_t}
              + \sum_{t>1} A_{y_{t-1},y_t} + e_{y_n}\Big)

    with a weight for each attribute and tag, each pair of tags, each first and each last tag. It is trained by
    stochastic gradient descent on :math:`-\log p(y|x)`, one AdaGrad step [2]_ an attribute
    and token. Two things keep it from
    learning the training text by heart: a share of the attributes is dropped at random at every token, and the
    weights are averaged over the second half of the passes. Tag pairs that the scheme forbids have weight minus
    infinity in training and prediction, so that :math:`Z` sums over legal paths only.

    Parameters
    ----------
    max_iter : int
        Passes over the data.
    learning_rate : float
        AdaGrad's step; its squared gradients start at 1, so that the many near-zero gradients of a rare attribute
        make near-zero steps and most weights end close enough to zero to be pruned.
    dropout : float in [0, 1)
        Share of attributes dropped at each token in training.
    min_count : int
        Attributes seen at fewer tokens than this are not learned.
    prune : float
        Averaged weights of at most this size are set to zero and not stored.
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

    References
    ----------
    .. [1] Lafferty, McCallum, Pereira (2001), Conditional random fields. ICML.
    .. [2] Duchi, Hazan, Singer (2011), Adaptive subgradient methods. JMLR 12.

    Examples
    --------
    >>> X = [[["党"], ["建"]], [["审"], ["计"]]] * 8
    >>> y = [["B-T", "E-T"], ["O", "O"]] * 8
    >>> LinearChainCRF(max_iter=20).fit(X, y).predict([[["党"], ["建"]]])
    [['B-T', 'E-T']]
    """

    tags_: list[str]
    keys_: U64Array
    indptr_: I32Array
    weight_tags_: I32Array
    weights_: F32Array
    scale_: float
    transitions_: F64Array
    start_: F64Array
    end_: F64Array

    def __init__(
        self,
        *,
        max_iter: int = 8,
        learning_rate: float = 0.2,
        dropout: float = 0.5,
        min_count: int = 1,
        prune: float = 0.03,
        scheme: Scheme = "bioes",
        random_state: int = 0,
    ) -> None:
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.min_count = min_count
        self.prune = prune
        self.scheme = scheme
        self.random_state = random_state

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[Sequence[str]],
        *,
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
        progress : callable, optional
            Called with the number of each finished pass and its loss.

        Raises
        ------
        InputError
            If a sequence and its tags differ in length, or nothing is left to learn from.
        AnnotationError
            If tags follow each other that the scheme forbids; the message names the sequence and the token.
        """
        keys, offsets = _pack(X)
        lengths = np.diff(offsets)
        if len(y) != len(lengths):
            raise InputError(f"{len(lengths)} sequences but {len(y)} tag sequences: give one for each")
        for i, (length, tags) in enumerate(zip(lengths, y, strict=True)):
            if length != len(tags):
                raise InputError(f"sequence {i} has {length} tokens but {len(tags)} tags: give one tag a token")
        names = sorted({tag for tags in y for tag in tags} | {"O"}, key=lambda tag: (tag != "O", tag))
        index = {tag: i for i, tag in enumerate(names)}
        gold = np.array([index[tag] for tags in y for tag in tags], np.int64)
        return self.fit_arrays(keys, offsets, gold, names, progress=progress)

    def fit_arrays(
        self,
        keys: U64Array,
        offsets: I64Array,
        gold: I64Array,
        tags: Sequence[str],
        *,
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

        Raises
        ------
        InputError, AnnotationError
            As for :meth:`fit`.
        """
        self._check_parameters()
        _check_packed(keys, offsets, gold, len(tags))
        offsets = np.unique(offsets)  # empty sequences say nothing
        self.tags_ = list(tags)
        self.start_, self.transitions_, self.end_ = self._open_transitions()
        self._check_legal(gold, offsets)
        vocabulary, ids = self._learn_vocabulary(keys)
        weights = self._descend(ids, gold, offsets, len(vocabulary), progress)
        self._keep(vocabulary, weights)
        return self

    def predict(self, X: Sequence[Any]) -> list[list[str]]:
        """Return the most probable legal tag path of each sequence."""
        self._check_fitted("weights_")
        keys, offsets = _pack(X)
        scores = self.emissions(keys)
        return [[self.tags_[tag] for tag in self.viterbi(scores[a:b])] for a, b in pairwise(offsets)]

    def predict_marginals(self, X: Sequence[Any]) -> list[F64Array]:
        """Return the probability of each tag at each token: one array (n_tokens, n_tags) a sequence."""
        self._check_fitted("weights_")
        keys, offsets = _pack(X)
        scores = self.emissions(keys)
        return [self.marginals(scores[a:b])[1] for a, b in pairwise(offsets)]

    def emissions(self, keys: U64Array) -> F64Array:
        """Sum the attribute weights of each token: shape (n_tokens, n_tags)."""
        lookup = self._lookup()
        slots = _kernels.find_slots(keys, lookup.table, lookup.starts, lookup.bits)
        scores: F64Array = _kernels.sum_weights(slots, lookup.dense, lookup.sparse, self.scale_)
        return scores

    def viterbi(self, scores: F64Array) -> I64Array:
        """Return the best path of one sequence, as tag indices, from its emissions (n_tokens, n_tags)."""
        if not len(scores):
            return np.empty(0, np.int64)
        path: I64Array = _kernels.viterbi(scores, self.transitions_, self.start_, self.end_)
        return path

    def marginals(self, scores: F64Array) -> tuple[float, F64Array]:
        """Return log Z and the tag probabilities (n_tokens, n_tags) of one sequence from its emissions."""
        if not len(scores):
            return 0.0, np.empty((0, len(self.tags_)))
        log_z, marginals = _kernels.forward_backward(scores, self.transitions_, self.start_, self.end_)
        return float(log_z), marginals

    def segment_probabilities(self, scores: F64Array, path: I64Array, segments: I32Array) -> F64Array:
        """Return P(the tags of this segment are those of `path`) for each segment (n_segments, 2)."""
        found: F64Array = _kernels.segment_probabilities(
            scores, self.transitions_, self.start_, self.end_, path, segments
        )
        return found

    def decode_segments(self, scores: F64Array, offsets: I64Array) -> tuple[I32Array, I64Array, F64Array]:
        """Find the BIOES segments on the best path of many sequences, and the exact probability of each.

        Parameters
        ----------
        scores : ndarray of shape (n_tokens, n_tags)
            Emissions of all sequences, one behind another.
        offsets : ndarray of int64, shape (n_sequences + 1,)
            Where each begins and the last one ends; they may count from any origin.

        Returns
        -------
        segments : ndarray of int32, shape (n_segments, 2)
            First and one past the last token of each, from the same origin.
        tags : ndarray of int64, shape (n_segments,)
            Index of the tag of each segment's first token.
        probabilities : ndarray of shape (n_segments,)
            Probability that exactly this range is a segment with this label, over all paths.
        """
        opens, closes = (np.array([tag[:2] in kinds for tag in self.tags_]) for kinds in (("B-", "S-"), ("E-", "S-")))
        found: tuple[I32Array, I64Array, F64Array] = _kernels.decode_segments(
            scores, offsets, self.transitions_, self.start_, self.end_, opens, closes
        )
        return found

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return parameters and tags as plain data, and the learned arrays, for a store to keep."""
        self._check_fitted("weights_")
        small = np.uint8 if len(self.tags_) < 256 else np.uint16  # holds every tag and the number of all tags
        arrays: dict[str, np.ndarray] = {
            "keys": self.keys_,
            "counts": np.diff(self.indptr_).astype(small),
            "weight_tags": self.weight_tags_.astype(small),
            "weights": self._whole_weights(),
            "scale": np.array([self.scale_]),
            # Forbidden pairs are minus infinity, which follows from the tags: files hold finite numbers only.
            "transitions": _finite(self.transitions_),
            "start": _finite(self.start_),
            "end": _finite(self.end_),
        }
        return {"parameters": self.get_params(), "tags": list(self.tags_)}, arrays

    @classmethod
    def from_state(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Build the model again from what :meth:`to_state` gave.

        Raises
        ------
        InputError
            If the arrays do not fit each other or the tags.
        """
        crf = cls(**meta["parameters"])
        crf.tags_ = list(meta["tags"])
        crf.keys_ = np.ascontiguousarray(arrays["keys"])
        crf.indptr_ = np.concatenate([[0], np.cumsum(arrays["counts"].ravel(), dtype=np.int64)]).astype(np.int32)
        crf.weight_tags_ = arrays["weight_tags"].astype(np.int32)
        crf.scale_ = _checked_scale(arrays["scale"])
        crf.weights_ = (arrays["weights"] * crf.scale_).astype(np.float32)
        crf._check_state(arrays)
        opened = crf._open_transitions()
        crf.start_, crf.transitions_, crf.end_ = (
            gate + arrays[name] for gate, name in zip(opened, ("start", "transitions", "end"), strict=True)
        )
        return crf

    # -- training --------------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        if self.scheme not in ("bioes", "free"):
            raise ConfigurationError(f"scheme={self.scheme!r}: expected 'bioes' or 'free'")
        if not 0 <= self.dropout < 1:
            raise ConfigurationError(f"dropout={self.dropout!r}: expected a share from 0 to below 1")
        for name in ("max_iter", "min_count", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{name}={getattr(self, name)!r}: expected a number above 0")

    def _open_transitions(self) -> tuple[F64Array, F64Array, F64Array]:
        """Start, transition and end scores before training: 0 where allowed, minus infinity where not."""
        n = len(self.tags_)
        if self.scheme == "free":
            return np.zeros(n), np.zeros((n, n)), np.zeros(n)
        start, transitions, end = (np.where(legal, 0.0, -np.inf) for legal in legal_transitions(self.tags_))
        return start, transitions, end

    def _check_legal(self, gold: I64Array, offsets: I64Array) -> None:
        legal = np.isfinite(self.transitions_)
        follows = np.ones(len(gold), bool)  # whether each token's tag may stand after the one before it
        follows[1:] = legal[gold[:-1], gold[1:]]
        follows[offsets[:-1]] = np.isfinite(self.start_)[gold[offsets[:-1]]]
        closes = np.isfinite(self.end_)[gold[offsets[1:] - 1]]
        if follows.all() and closes.all():
            return
        t = int(np.argmin(follows)) if not follows.all() else int(offsets[1:][np.argmin(closes)] - 1)
        s = int(np.searchsorted(offsets, t, side="right") - 1)
        where = f"sequence {s}, token {t - int(offsets[s])}"
        raise AnnotationError(
            f"{where}: tag {self.tags_[gold[t]]!r} cannot stand there in the {self.scheme} scheme; "
            "convert the tags (tagger.crf.scheme.spans_to_tags) or use scheme='free'"
        )

    def _learn_vocabulary(self, keys: U64Array) -> tuple[U64Array, I32Array]:
        found, counts = np.unique(keys, return_counts=True)
        vocabulary = found[(counts >= self.min_count) & (found != 0)]
        bits = radix_bits(len(vocabulary))
        return vocabulary, _kernels.find_ids(keys, vocabulary, radix_index(vocabulary, bits), bits)

    def _descend(
        self,
        ids: I32Array,
        gold: I64Array,
        offsets: I64Array,
        n_features: int,
        progress: Callable[[int, float], None] | None,
    ) -> F32Array:
        """Run all passes and return the averaged weights, shape (n_features, n_tags); sets the transitions."""
        rng = np.random.default_rng(self.random_state)
        state = rng.integers(1, 2**63, size=1, dtype=np.uint64)
        n_tags = len(self.tags_)
        weights = np.zeros((n_features, n_tags), np.float32)
        weight_sum, weight_squares = np.zeros_like(weights), np.ones_like(weights)
        edges = (self.transitions_, self.start_, self.end_)
        edge_sums = tuple(np.zeros_like(a) for a in edges)
        transition_squares, start_squares, end_squares = (np.ones_like(a) for a in edges)
        averaged_from = self.max_iter // 2
        self.losses_: list[float] = []
        for epoch in range(self.max_iter):
            loss = _training.train_epoch(
                ids, gold, offsets, rng.permutation(len(offsets) - 1), weights, weight_squares,
                *edges, transition_squares, start_squares, end_squares,
                self.learning_rate, self.dropout, state,
            )  # fmt: skip
            if np.isnan(loss):
                raise ConfigurationError(
                    f"training diverged in pass {epoch + 1}: learning_rate={self.learning_rate} is too large"
                )
            self.losses_.append(loss / len(gold))
            if epoch >= averaged_from:
                weight_sum += weights
                for total, edge in zip(edge_sums, edges, strict=True):
                    total += edge
            if progress is not None:
                progress(epoch + 1, self.losses_[-1])
        n_averaged = self.max_iter - averaged_from
        self.transitions_, self.start_, self.end_ = (total / n_averaged for total in edge_sums)
        weight_sum /= np.float32(n_averaged)
        return weight_sum

    def _keep(self, vocabulary: U64Array, weights: F32Array) -> None:
        """Store the weights that are not close to zero, by attribute, and drop attributes left with none."""
        kept = np.abs(weights) > self.prune
        counts = kept.sum(axis=1)
        rows = counts > 0
        self.keys_ = vocabulary[rows]
        self.indptr_ = np.concatenate([[0], np.cumsum(counts[rows])]).astype(np.int32)
        self.weight_tags_ = np.nonzero(kept)[1].astype(np.int32)
        self.scale_ = float(np.abs(weights).max(initial=1e-6)) / 32767
        self.weights_ = (np.rint(weights[kept] / self.scale_) * self.scale_).astype(np.float32)
        self.__dict__.pop("_found", None)

    # -- prediction ------------------------------------------------------------------------------------------------

    def _whole_weights(self) -> I16Array:
        """Weights as whole multiples of `scale_`: shape (n_weights,)."""
        whole: I16Array = np.rint(self.weights_ / self.scale_).astype(np.int16)
        return whole

    def _lookup(self) -> _Lookup:
        if "_found" not in self.__dict__:
            self._found = _Lookup.build(
                self.keys_, self.indptr_, self.weight_tags_, self._whole_weights(), len(self.tags_)
            )
        return self._found

    def _check_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        n = len(self.tags_)
        n_keys = len(self.keys_)
        shapes = {"keys": (n_keys,), "counts": (n_keys,), "transitions": (n, n), "start": (n,), "end": (n,)}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise InputError(f"CRF array {name!r} has shape {arrays[name].shape}, expected {shape}")
        if n_keys and arrays["counts"].min() < 0:
            raise InputError("CRF array 'counts' holds a number below 0")
        n_weights = int(self.indptr_[-1])
        if self.weight_tags_.shape != (n_weights,) or self.weights_.shape != (n_weights,):
            raise InputError(f"CRF arrays 'weight_tags' and 'weights' must both hold {n_weights} numbers")
        if n_weights and not 0 <= self.weight_tags_.min() <= self.weight_tags_.max() < n:
            raise InputError(f"CRF array 'weight_tags' points outside the {n} tags")
        if not np.all(self.keys_[:-1] < self.keys_[1:]):
            raise InputError("CRF array 'keys' is not sorted, or holds a key twice")


class _Lookup(NamedTuple):
    """The learned weights in the order in which prediction reads them; see `_kernels.find_slots` and `sum_weights`."""

    table: U32Array
    starts: I32Array
    bits: int
    dense: I16Array
    sparse: I32Array

    @classmethod
    def build(cls, keys: U64Array, indptr: I32Array, tags: I32Array, weights: I16Array, n_tags: int) -> _Lookup:
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
        return cls(table, radix_index(keys, bits), bits, dense, sparse.astype(np.int32))


def _checked_scale(scale: np.ndarray) -> float:
    if scale.shape != (1,) or not 0 < scale[0] < np.finfo(np.float32).max / 32768:
        raise InputError(
            f"CRF array 'scale' is {scale.tolist()}, expected one positive number that keeps weights finite"
        )
    return float(scale[0])


def _finite(scores: F64Array) -> F64Array:
    return np.where(np.isfinite(scores), scores, 0.0)


def _check_packed(keys: U64Array, offsets: I64Array, gold: I64Array, n_tags: int) -> None:
    """Refuse arrays that would make the compiled code, which checks nothing, read beyond their ends."""
    if not len(gold):
        raise InputError("no tokens to learn from: give at least one sequence that is not empty")
    if len(keys) != len(gold):
        raise InputError(f"{len(keys)} rows of keys but {len(gold)} tags: give one tag a token")
    if offsets[0] != 0 or offsets[-1] != len(gold) or np.any(np.diff(offsets) < 0):
        raise InputError(f"offsets of sequences must rise from 0 to the number of tokens, {len(gold)}")
    if not 0 <= gold.min() <= gold.max() < n_tags:
        raise InputError(f"gold points outside the {n_tags} tags: indices from 0 to {n_tags - 1} were expected")


def _pack(X: Sequence[Any]) -> tuple[U64Array, I64Array]:
    """Put all sequences behind each other: keys (n_tokens, n_attributes) and offsets (n_sequences + 1,)."""
    parts = [_keys_of(i, x) for i, x in enumerate(X)]
    width = max((part.shape[1] for part in parts if len(part)), default=0)
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    keys = np.zeros((int(offsets[-1]), width), np.uint64)
    for part, start in zip(parts, offsets, strict=False):
        keys[start : start + len(part), : part.shape[1]] = part if len(part) else 0
    return keys, offsets


def _keys_of(i: int, x: Any) -> U64Array:
    if not isinstance(x, np.ndarray):
        x = hash_attributes(x)
    if x.dtype != np.uint64 or x.ndim != 2:
        raise InputError(
            f"sequence {i} is an array of {x.dtype}, shape {x.shape}: expected uint64 keys, shape (n_tokens, "
            "n_attributes), or a list with the attribute strings of each token"
        )
    # Whatever numbers a user takes for keys, the look-up needs them spread evenly; 0 stays no attribute.
    return np.where(x > 0, fold_all(x.ravel(), 0).reshape(x.shape), np.uint64(0))
