"""The learned weights of a linear chain: kept by attribute, without those close to zero, as whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tagger._estimator import Estimator
from tagger._typing import F32Array, F64Array, I16Array, I32Array, U64Array
from tagger.crf._lookup import Lookup
from tagger.crf.scheme import Scheme, open_edges
from tagger.errors import InputError


class _StoredWeights(Estimator):
    """The part of :class:`~tagger.crf.linear_chain.LinearChainCRF` that holds, stores and looks up weights."""

    prune: float
    scheme: Scheme
    tags_: list[str]
    keys_: U64Array
    indptr_: I32Array
    weight_tags_: I32Array
    weights_: F32Array
    scale_: float
    transitions_: F64Array
    start_: F64Array
    end_: F64Array

    def emissions(self, keys: U64Array) -> F64Array:
        """Sum the attribute weights of each token: shape (n_tokens, n_tags).

        Like every method that takes what this returns, it runs without Python's global lock: threads that each tag
        texts of their own share one model, and find what one thread finds.
        """
        return self._lookup().scores(keys)

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
        crf.weights_ = _multiples(arrays["weights"], crf.scale_)
        crf._check_state(arrays)
        opened = open_edges(crf.tags_, crf.scheme)
        crf.transitions_, crf.start_, crf.end_ = (
            gate + arrays[name] for gate, name in zip(opened, ("transitions", "start", "end"), strict=True)
        )
        return crf

    def _write_weights(
        self,
        vocabulary: U64Array,
        tags: list[str],
        features: F32Array,
        transitions: F64Array,
        start: F64Array,
        end: F64Array,
    ) -> None:
        """Write what was learned before where attributes and tags stand now."""
        missing = [tag for tag in self.tags_ if tag not in tags]
        if missing:
            raise InputError(f"tags {missing} were learned before but are not among the new ones: give all of them")
        places = np.array([tags.index(tag) for tag in self.tags_], np.int64)
        rows = np.repeat(np.searchsorted(vocabulary, self.keys_), np.diff(self.indptr_))
        features[rows, places[self.weight_tags_]] = self.weights_
        transitions[np.ix_(places, places)] += _finite(self.transitions_)
        start[places] += _finite(self.start_)
        end[places] += _finite(self.end_)

    def _keep(self, vocabulary: U64Array, weights: F32Array) -> None:
        """Store the weights that are not close to zero, by attribute, and drop attributes left with none."""
        kept = np.abs(weights) > self.prune
        counts = kept.sum(axis=1)
        rows = counts > 0
        self.keys_ = vocabulary[rows]
        self.indptr_ = np.concatenate([[0], np.cumsum(counts[rows])]).astype(np.int32)
        self.weight_tags_ = np.nonzero(kept)[1].astype(np.int32)
        self.scale_ = float(np.abs(weights).max(initial=1e-6)) / 32767
        self.weights_ = _multiples(np.rint(weights[kept] / self.scale_), self.scale_)
        self.__dict__.pop("_found", None)

    def _whole_weights(self) -> I16Array:
        """Weights as whole multiples of `scale_`: shape (n_weights,)."""
        whole: I16Array = np.rint(self.weights_ / self.scale_).astype(np.int16)
        return whole

    def _lookup(self) -> Lookup:
        if "_found" not in self.__dict__:
            self._found = Lookup.build(
                self.keys_, self.indptr_, self.weight_tags_, self._whole_weights(), len(self.tags_), self.scale_
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


def _multiples(whole: np.ndarray, scale: float) -> F32Array:
    """Turn whole numbers into weights, always by way of float64: the same after storing as before."""
    weights: F32Array = (whole.astype(np.float64) * scale).astype(np.float32)
    return weights


def _checked_scale(scale: np.ndarray) -> float:
    if scale.shape != (1,) or not 0 < scale[0] < np.finfo(np.float32).max / 32768:
        raise InputError(
            f"CRF array 'scale' is {scale.tolist()}, expected one positive number that keeps weights finite"
        )
    return float(scale[0])


def _finite(scores: F64Array) -> F64Array:
    return np.where(np.isfinite(scores), scores, 0.0)
