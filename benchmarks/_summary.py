"""From single measurements to what is reported: means over seeds, ratios to the peer, bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Any

from benchmarks._ledger import Ledger
from benchmarks._systems import SYSTEMS
from benchmarks.span_sets import SETS

__all__ = ["F1_BARS", "Bar", "Ratio", "bars", "ratios", "set_names", "summaries", "summary"]

F1_BARS: Mapping[str, float] = {"cluener": 0.75, "resume": 0.95, "weibo": 0.588, "msra": 0.91, "gov-news": 0.87}
"""Strict F1 that `tagger` is to reach, mean of the seeds."""

_TRAIN_BAR = 8.0
_TRAIN_SETS = ("cluener", "resume", "msra")
_TAG_BAR = 6.0
_AVERAGED = (
    *("precision", "recall", "f1", "clean_f1", "train_seconds", "train_wall_seconds", "train_characters"),
    *("tag_characters_per_second", "peak_mb", "base_mb", "model_bytes", "lexicon_bytes", "features"),
    *("optimize_seconds", "iterations"),
)


@dataclass(frozen=True)
class Bar:
    """A number that is to be reached: what it is, what came, and whether that is enough."""

    name: str
    value: float
    least: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the value, as exact as it was measured, reaches the bar."""
        return self.value >= self.least


@dataclass(frozen=True)
class Ratio:
    """Ours beside python-crfsuite with the same templates, on one set: F1 of both, and how many times faster we are."""

    set_name: str
    system: str
    f1: float
    peer_f1: float
    training: float
    optimizing: float
    tagging: float


def summary(ledger: Ledger, set_name: str, system: str, *, variant: str = "") -> dict[str, Any] | None:
    """Average the seeds of a system on a set; None where nothing was measured.

    Returns
    -------
    summary : dict
        Means, ``f1_spread`` (largest minus smallest F1 of the seeds), ``seeds`` (how many), ``interval`` (mean of the
        seeds' bounds), ``labels`` (mean F1 and support of each), ``errors`` (mean counts).
    """
    prefix = f"{set_name}/{system}/{variant}seed"
    results = [result for rest, result in ledger.results(prefix) if rest.isdigit()]
    if not results:
        return None
    averaged = {name: mean(r[name] for r in results) for name in _AVERAGED if all(name in r for r in results)}
    f1s = [result["f1"] for result in results]
    labels = {
        label: {"f1": mean(r["labels"].get(label, row)["f1"] for r in results), "support": row["support"]}
        for label, row in results[0]["labels"].items()
    }
    return {
        **averaged,
        "f1_spread": max(f1s) - min(f1s),
        "seeds": len(results),
        "interval": [mean(result["interval"][side] for result in results) for side in (0, 1)],
        "labels": labels,
        "errors": {name: mean(r["errors"][name] for r in results) for name in results[0]["errors"]},
        "n_test": results[0]["n_test"],
        "n_clean": results[0]["n_clean"],
    }


def set_names(ledger: Ledger) -> list[str]:
    """Return the sets that were measured, in the order in which :data:`~benchmarks.span_sets.SETS` lists them."""
    order = list(SETS)
    return sorted(ledger.content["sets"], key=lambda name: order.index(name.removesuffix(" (part)")))


def summaries(ledger: Ledger) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield set, system and :func:`summary` of all that was measured, in the order of the tables."""
    for set_name in set_names(ledger):
        for system in SYSTEMS:
            if (found := summary(ledger, set_name, system)) is not None:
                yield set_name, system, found


def ratios(ledger: Ledger) -> list[Ratio]:
    """Compare ours with ``crfsuite`` wherever both were measured."""
    found = []
    for set_name in set_names(ledger):
        peer = summary(ledger, set_name, "crfsuite")
        for system in ("tagger", "tagger-plain"):
            ours = summary(ledger, set_name, system)
            if ours is not None and peer is not None:
                found.append(
                    Ratio(
                        set_name,
                        system,
                        ours["f1"],
                        peer["f1"],
                        peer["train_seconds"] / ours["train_seconds"],
                        peer["optimize_seconds"] / ours["train_seconds"],
                        ours["tag_characters_per_second"] / peer["tag_characters_per_second"],
                    )
                )
    return found


def bars(ledger: Ledger) -> list[Bar]:
    """Return every bar that the measurements speak to."""
    found = []
    for name, least in F1_BARS.items():
        if (ours := summary(ledger, name, "tagger")) is not None:
            found.append(Bar(f"{name}: strict F1", 100 * ours["f1"], 100 * least))
    plain = {ratio.set_name: ratio for ratio in ratios(ledger) if ratio.system == "tagger-plain"}
    for name in (name for name in _TRAIN_SETS if name in plain):
        ratio = plain[name]
        found.append(Bar(f"{name}: training, times faster than crfsuite", ratio.training, _TRAIN_BAR, "x"))
        found.append(Bar(f"{name}: F1 minus crfsuite's, same templates", 100 * (ratio.f1 - ratio.peer_f1), 0.0))
    for name in (name for name in F1_BARS if name in plain):
        found.append(Bar(f"{name}: tagging, times faster than crfsuite", plain[name].tagging, _TAG_BAR, "x"))
    return found
