"""Passes over the training data: averaged weights, and when to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np

from tagger._typing import BoolArray, F32Array, F64Array, I32Array, I64Array, U64Array
from tagger.crf import _training
from tagger.crf._paths import best_paths
from tagger.crf._scores import sum_rows
from tagger.crf._segments import count_hits
from tagger.errors import ConfigurationError

__all__ = ["Descent", "Judge", "Tagged", "Weights"]

_LOG = logging.getLogger(__name__)

_ETA = 3
"""How fast the average forgets early passes (Shamir & Zhang 2013): pass `t` of `T` weighs about (t / T) ** _ETA."""


class Weights(NamedTuple):
    """All weights of a model, in full.

    Attributes
    ----------
    features : ndarray of float32, shape (n_features, n_tags)
    transitions : ndarray of shape (n_tags, n_tags)
    start, end : ndarray of shape (n_tags,)
    """

    features: F32Array
    transitions: F64Array
    start: F64Array
    end: F64Array

    def copy(self) -> Self:
        """Return weights that share no memory with these."""
        return type(self)(self.features.copy(), self.transitions.copy(), self.start.copy(), self.end.copy())

    def ones(self) -> Self:
        """Return ones in place of every weight: where AdaGrad's squared gradients start."""
        like = np.ones_like
        return type(self)(like(self.features), like(self.transitions), like(self.start), like(self.end))

    def move(self, goal: Weights, share: float) -> None:
        """Move by a share of the way to other weights, in place."""
        for mine, other in zip(self, goal, strict=True):
            _training.blend(mine, other, share)


class Tagged(NamedTuple):
    """Tagged sequences one behind another, none of them empty.

    Attributes
    ----------
    ids : ndarray of int32, shape (n_tokens, n_attributes)
        Rows of the weights; -1 is no attribute.
    gold : ndarray of int64, shape (n_tokens,)
    offsets : ndarray of int64, shape (n_sequences + 1,)
    """

    ids: I32Array
    gold: I64Array
    offsets: I64Array


@dataclass(frozen=True)
class Judge:
    """Scores weights on a validation part.

    Attributes
    ----------
    data : Tagged
    prune : float
        Weights of at most this size are taken for zero, as they will be.
    borders : (ndarray, ndarray) of bool, each of shape (n_tags,), optional
        Tags that open and that close a segment; with them the score is the F1 of segments, without them the share of
        right tags.
    """

    data: Tagged
    prune: float
    borders: tuple[BoolArray, BoolArray] | None = None

    def __call__(self, weights: Weights) -> float:
        """Return the score of these weights, from 0 to 1."""
        ids, gold, offsets = self.data
        scores = sum_rows(ids, weights.features, self.prune)
        paths = best_paths(scores, offsets, weights.transitions, weights.start, weights.end)
        if self.borders is None:
            return float(np.mean(paths == gold))
        hits, n_found, n_gold = count_hits(paths, gold, *self.borders)
        return 2 * hits / (n_found + n_gold) if n_found + n_gold else 1.0


@dataclass
class Descent:
    """Stochastic gradient descent with AdaGrad steps, dropped attributes and averaged weights.

    After pass ``t`` the average moves by ``(eta + 1) / (t + eta)`` of the way to the weights of that pass
    (polynomial-decay averaging [1]_): early passes are forgotten however many there are, so that the average is good at
    every pass and training may stop at any.

    References
    ----------
    .. [1] Shamir, Zhang (2013), Stochastic gradient descent for non-smooth optimization. ICML.

    Attributes
    ----------
    max_iter, learning_rate, dropout, patience
        As for the model.
    judge : callable of Weights, optional
        Scores the average after each pass: the best one is kept, and training stops `patience` passes after it.
    losses, scores : list of float
        Of each pass.
    best_iter : int
        Number of the pass whose average was kept.
    """

    max_iter: int
    learning_rate: float
    dropout: float
    patience: int
    judge: Callable[[Weights], float] | None = None
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_iter: int = 0

    def run(
        self,
        data: Tagged,
        weights: Weights,
        *,
        random_state: int,
        progress: Callable[[int, float], None] | None = None,
    ) -> Weights:
        """Pass over `data` from `weights` on, which change in place, and return the averaged ones.

        Raises
        ------
        ConfigurationError
            If the weights grow beyond all use.
        """
        rng = np.random.default_rng(random_state)
        state = rng.integers(1, 2**63, size=1, dtype=np.uint64)
        squares = weights.ones()
        average = weights.copy()
        best = average
        for epoch in range(1, self.max_iter + 1):
            order = rng.permutation(len(data.offsets) - 1)
            loss = _pass(data, order, weights, squares, self.learning_rate, self.dropout, state)
            if np.isnan(loss):
                raise ConfigurationError(
                    f"training diverged in pass {epoch}: learning_rate={self.learning_rate} is too large"
                )
            self.losses.append(loss / len(data.gold))
            average.move(weights, (_ETA + 1) / (epoch + _ETA))
            if progress is not None:
                progress(epoch, self.losses[-1])
            if self.judge is None:
                continue
            self.scores.append(self.judge(average))
            _LOG.info("pass %d: loss %.4f, validation score %.4f", epoch, self.losses[-1], self.scores[-1])
            if self.scores[-1] > max(self.scores[:-1], default=-1.0):
                self.best_iter, best = epoch, average.copy()
            elif epoch - self.best_iter >= self.patience:
                return best
        if self.judge is None:
            self.best_iter = self.max_iter
        return best


def _pass(
    data: Tagged,
    order: I64Array,
    weights: Weights,
    squares: Weights,
    learning_rate: float,
    dropout: float,
    state: U64Array,
) -> float:
    loss: float = _training.train_epoch(
        data.ids, data.gold, data.offsets, order, weights.features, squares.features,
        *weights[1:], *squares[1:], learning_rate, dropout, state,
    )  # fmt: skip
    return loss
