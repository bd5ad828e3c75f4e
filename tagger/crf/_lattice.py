"""Compiled sums of one sequence in one form, whether they fit scaled floats or had to be done in logarithms.

The mass of a run of tags is the summed share of the paths up to its end that go through it, before what may follow is
counted: :func:`opened` begins one, :func:`grown` adds a tag, and :func:`weighed` makes it a probability.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tagger._typing import F64Array
from tagger.crf._sums import Steps, backward, log_forward_backward

__all__ = ["Lattice", "completed", "grown", "opened", "weighed"]


class Lattice(NamedTuple):
    """Forward and backward sums of a sequence of ``n`` tokens.

    Attributes
    ----------
    alpha, beta, local : ndarray of shape (n, n_tags)
    scale : ndarray of shape (n or more,)
        As from `scaled_forward_backward`; or, `in_logs`, logarithms: `beta` less log Z, `local` the scores, and no use
        of `scale`.
    step : ndarray of shape (n_tags, n_tags)
        exp(transitions), or these themselves.
    in_logs : bool
    """

    alpha: F64Array
    beta: F64Array
    local: F64Array
    scale: F64Array
    step: F64Array
    in_logs: bool


@njit(cache=True, nogil=True)
def completed(
    log_z: float,
    scores: F64Array,
    transitions: F64Array,
    start: F64Array,
    end: F64Array,
    steps: Steps,
    work: F64Array,
    scale: F64Array,
) -> Lattice:  # pragma: no cover - compiled
    """Go on from where `forward` left `work` (3, n_tokens or more, n_tags) and `scale`, having returned `log_z`."""
    n = scores.shape[0]
    alpha, beta, local = work[0, :n], work[1, :n], work[2, :n]
    if not np.isnan(log_z) and backward(steps, alpha, local, scale, beta):
        return Lattice(alpha, beta, local, scale, steps.step, False)
    log_z, before, after = log_forward_backward(scores, transitions, start, end)
    alpha[:] = before
    beta[:] = after - log_z
    local[:] = scores
    return Lattice(alpha, beta, local, scale, transitions, True)


@njit(cache=True, nogil=True)
def opened(lattice: Lattice, t: int, tag: int) -> float:  # pragma: no cover - compiled
    """Mass of the run that is this tag at token `t`."""
    return float(lattice.alpha[t, tag])


@njit(cache=True, nogil=True)
def grown(lattice: Lattice, mass: float, t: int, before: int, tag: int) -> float:  # pragma: no cover - compiled
    """Mass of a run that ends with tag `before` once token `t`, with this tag, is added."""
    if lattice.in_logs:
        return float(mass + lattice.step[before, tag] + lattice.local[t, tag])
    return float(mass * (lattice.step[before, tag] * lattice.local[t, tag] / lattice.scale[t]))


@njit(cache=True, nogil=True)
def weighed(lattice: Lattice, mass: float, t: int, tag: int) -> float:  # pragma: no cover - compiled
    """Probability of a run of this mass that ends at token `t` with this tag."""
    if lattice.in_logs:
        return min(1.0, float(np.exp(mass + lattice.beta[t, tag])))
    return min(1.0, float(mass * lattice.beta[t, tag]))
