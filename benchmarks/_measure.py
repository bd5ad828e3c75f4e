"""One measurement in a process of its own.

``python -m benchmarks._measure`` reads a job from standard input and writes its result, both as JSON. The parent pins
the process to one core and one thread a library. Seconds are processor seconds, which other work on the machine does
not lengthen; the wall's are kept beside them.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from benchmarks._growth import measure_growth
from benchmarks._scores import check_with_seqeval, error_classes, mentions, score
from benchmarks._systems import Competitor, build
from benchmarks.span_sets import Example, Round, SpanSet
from tagger.spans import LabelledRange

__all__ = ["measure_fit", "measure_tuning", "peak_memory", "reset_peak"]

_MIN_PASSES = 3  # of which the median gives the rate


def measure_fit(job: Mapping[str, Any], rounds: Sequence[Round]) -> dict[str, Any]:
    """Train and test in every round; scores are over the test examples of all of them.

    Parameters
    ----------
    job : mapping
        ``system``, ``lever`` (or None), ``seed``, ``share`` of the training examples, ``tag_seconds`` (of the
        processor, that a rate is measured over at least), and ``parameters``, one mapping a round.
    rounds : sequence of Round

    Returns
    -------
    result : dict
        Scores as :func:`benchmarks._scores.score` gives them, ``clean_f1`` on test texts that are not in training,
        ``errors``, ``train_seconds`` and ``train_wall_seconds`` (mean of the rounds), ``train_characters``,
        ``tag_characters_per_second``, ``peak_mb`` and ``base_mb`` (before training), and the competitor's facts.
    """
    _warm_up(job)
    examples: list[Example] = []
    found: list[list[LabelledRange]] = []
    errors: dict[str, int] = {}
    clean: list[bool] = []
    costs = []
    for part, parameters in zip(rounds, job["parameters"], strict=True):
        train = _share(part.train, job["share"])
        competitor = build(job["system"], parameters, seed=job["seed"], lever=job["lever"])
        cost, predicted = _measure_round(competitor, train, [text for text, _ in part.test], job["tag_seconds"])
        costs.append(cost)
        examples += part.test
        found += predicted
        known = {text for text, _ in train}
        clean += [text not in known for text, _ in part.test]
        for name, count in error_classes(part.test, predicted, mentions(train)).items():
            errors[name] = errors.get(name, 0) + count
    check_with_seqeval(examples, found)
    return {
        **score(examples, found),
        "clean_f1": _f1_of(examples, found, clean),
        "n_clean": sum(clean),
        "n_test": len(examples),
        "errors": errors,
        **{name: mean(cost[name] for cost in costs) for name in costs[0]},
    }


def measure_tuning(job: Mapping[str, Any], rounds: Sequence[Round]) -> dict[str, Any]:
    """Score every point of the system's grid on dev data, in each round; the test examples are not looked at.

    Parameters
    ----------
    job : mapping
        ``system``, ``grid`` (the points), and ``characters``: the training part is cut to about so many.
    rounds : sequence of Round

    Returns
    -------
    result : dict
        ``picked``: the best point of each round, with what a competitor chooses on dev once it is trained; ``f1``: of
        each point, its scores in the rounds.
    """
    scores: list[list[float]] = [[] for _ in job["grid"]]
    chosen: list[list[dict[str, Any]]] = [[] for _ in job["grid"]]
    for part in rounds:
        n_chars = sum(len(text) for text, _ in part.tune_train)
        train = _share(part.tune_train, min(1.0, job["characters"] / max(1, n_chars)))
        for parameters, reached, points in zip(job["grid"], scores, chosen, strict=True):
            competitor = build(job["system"], parameters, seed=0)
            competitor.fit(train)
            points.append({**parameters, **competitor.adjust(part.tune_dev)})
            found = competitor.ranges(competitor.tag([text for text, _ in part.tune_dev]))
            reached.append(score(part.tune_dev, found)["f1"])
    best = np.argmax(np.array(scores), axis=0)  # (n_rounds,); of equal ones the first
    return {"picked": [chosen[k][i] for i, k in enumerate(best)], "f1": scores}


def peak_memory() -> float:
    """Return the most memory that this process has held since :func:`reset_peak`, in megabytes (2**20 bytes).

    On Linux the kernel's high-water mark is read; `getrusage` would start from the parent's, which a new process
    inherits, and is only used elsewhere.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def reset_peak() -> None:
    """Let :func:`peak_memory` begin again from what is held now (on Linux; elsewhere it cannot)."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def main() -> int:
    """Read a job from standard input, do it, and write its result to standard output."""
    job = json.load(sys.stdin)
    if job["kind"] == "growth":
        result = measure_growth(job, peak_memory, reset_peak)
    else:
        rounds = SpanSet.from_json(Path(job["data"]).read_text(encoding="utf-8")).rounds()
        result = {"fit": measure_fit, "tune": measure_tuning}[job["kind"]](job, rounds)
    json.dump(result, sys.stdout)
    return 0


def _measure_round(
    competitor: Competitor, train: Sequence[Example], texts: Sequence[str], tag_seconds: float
) -> tuple[dict[str, float], list[list[LabelledRange]]]:
    """Fit and predict; return what it cost, and what was found."""
    reset_peak()
    base = peak_memory()
    wall, start = time.perf_counter(), time.process_time()
    competitor.fit(train)
    cost = {"train_seconds": time.process_time() - start, "train_wall_seconds": time.perf_counter() - wall}
    predicted, rate = _tagging_rate(competitor, texts, tag_seconds)
    cost |= {"peak_mb": peak_memory(), "base_mb": base, "tag_characters_per_second": rate}
    return cost | {"train_characters": sum(len(text) for text, _ in train)} | competitor.facts(), predicted


def _tagging_rate(
    competitor: Competitor, texts: Sequence[str], at_least: float
) -> tuple[list[list[LabelledRange]], float]:
    """Predict several times over; return the spans, and characters a second of the median pass."""
    seconds: list[float] = []
    tagged: list[list[Any]] = []
    while len(seconds) < _MIN_PASSES or sum(seconds) < at_least:
        start = time.process_time()
        tagged = competitor.tag(texts)
        seconds.append(max(1e-6, time.process_time() - start))
    return competitor.ranges(tagged), sum(map(len, texts)) / median(seconds)


def _warm_up(job: Mapping[str, Any]) -> None:
    """Train and tag a little, so that everything is compiled and every dictionary read before the clock runs."""
    examples: list[Example] = [("鹿泷县委召开会议。", ((0, 4, "ORG"),)), ("砚川市委书记", ((0, 3, "PLACE"),))] * 3
    parameters = job["parameters"][0]
    competitor = build(job["system"], parameters, seed=0, lever=job["lever"])
    competitor.fit(examples)
    competitor.tag([text for text, _ in examples])
    competitor.facts()
    mentions(examples)


def _share(examples: list[Example], share: float) -> list[Example]:
    """Return a share of the examples: the smaller is always a part of the larger."""
    if share >= 1.0:
        return examples
    order = np.random.default_rng(0).permutation(len(examples))
    return [examples[i] for i in sorted(order[: max(1, round(share * len(examples)))])]


def _f1_of(examples: Sequence[Example], found: Sequence[list[LabelledRange]], chosen: Sequence[bool]) -> float:
    kept = [(one, spans) for one, spans, keep in zip(examples, found, chosen, strict=True) if keep]
    f1: float = score([one for one, _ in kept], [spans for _, spans in kept])["f1"]
    return f1


if __name__ == "__main__":
    sys.exit(main())
