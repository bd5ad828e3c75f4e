"""What a fitted span tagger consists of: what its groups of methods have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tagger._estimator import Estimator
from tagger.crf.linear_chain import LinearChainCRF
from tagger.spans._calibration import Calibration
from tagger.spans._features import Features
from tagger.types import Span

__all__ = ["Layer"]


class Layer(NamedTuple):
    """The labels of one layer, and what tags them."""

    labels: list[str]
    crf: LinearChainCRF


class _Fitted(Estimator):
    """The learned parts."""

    labels_: list[str]
    layers_: list[list[str]]
    crfs_: list[LinearChainCRF]
    threshold: float | None
    threshold_: float | None
    calibration_: Calibration
    _features: Features

    def predict(self, texts: Sequence[str]) -> list[list[Span]]:
        raise NotImplementedError

    @property
    def crf_(self) -> LinearChainCRF:
        """The CRF of the first layer: of a flat tagger, the only one."""
        return self.crfs_[0]

    def _layers(self) -> list[Layer]:
        return [Layer(labels, crf) for labels, crf in zip(self.layers_, self.crfs_, strict=True)]
