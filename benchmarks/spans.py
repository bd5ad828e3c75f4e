"""Span taggers on public sets and on gov-news: strict F1, speed, size and memory, beside peers in the same run.

Each measurement runs in a fresh process on one core, and is written to the results file as soon as it is there: a run
that was broken off goes on where it stopped. Hyper-parameters are chosen on the dev part, or on a tenth of the
training part, never on test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._growth import SERIES
from benchmarks._ledger import Ledger, code_digest
from benchmarks._scores import leaks
from benchmarks._summary import bars, summaries
from benchmarks._systems import LEVERS, SYSTEMS
from benchmarks.span_sets import NEEDS_DATA, SETS, SpanSet, load_set
from tagger.errors import InputError
from training.corpus import data_folder

__all__ = ["add_arguments", "run"]

_ROOT = Path(__file__).resolve().parent.parent
_OURS = ("tagger", "tagger-plain")
_OUR_TUNE_CHARACTERS = 700_000
_PEERS = tuple(name for name in SYSTEMS if name not in _OURS)
_SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
_CURVE_SETS = ("cluener", "gov-news")
_RACE_SETS = ("cluener", "resume", "msra")
_RACERS = ("tagger-plain", "tagger", "crfsuite")
_QUICK_EXAMPLES = 60
_TAG_SECONDS = 1.0  # of the processor, that a rate is measured over at least
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_FAILED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the benchmark takes."""
    parser.add_argument("--sets", type=_names(SETS), help=f"comma-separated, of {', '.join(SETS)} (default: all)")
    parser.add_argument(
        "--peers", type=_names(_PEERS), default=[], help=f"comma-separated, of {', '.join(_PEERS)} (default: none)"
    )
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each system that has any (default: 3)")
    parser.add_argument("--json", type=Path, help="results file, gone on with (default: runs/spans.json)")
    parser.add_argument("--page", type=Path, metavar="DIR", help="write the results page and its plots there")
    parser.add_argument("--ablation", action="store_true", help="also take away each lever of our tagger")
    parser.add_argument("--curves", action="store_true", help="also learn from shares of cluener and gov-news")
    parser.add_argument("--race", action="store_true", help="also F1 against training time: cluener, resume, msra")
    parser.add_argument(
        "--growth", type=int, nargs="?", const=10**6, metavar="N", help="also tag 10^4 to N characters (default: 10^6)"
    )
    parser.add_argument(
        "--tune-characters", type=int, default=100_000, help="most to train a peer on for the choice of its knobs"
    )
    parser.add_argument("--no-tune", action="store_true", help="take every system's default parameters")
    parser.add_argument("--no-run", action="store_true", help="measure nothing: only print and write the page")
    parser.add_argument("--force", action="store_true", help="measure again what the results file holds already")
    parser.add_argument("--quick", action="store_true", help="one seed of one small set, barely trained: does it run?")


def run(args: argparse.Namespace) -> int:
    """Measure, print; 0, 1 if a bar is missed, 2 if the data is missing, 3 if a measurement failed."""
    args.json = args.json or _ROOT / "runs" / ("spans-quick.json" if args.quick else "spans.json")
    try:
        ledger = Ledger(args.json, writable=not args.no_run)
        n_failed = 0 if args.no_run else _measure_all(ledger, args)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    _print(ledger)
    if args.page:
        from benchmarks._page import write_page

        print(f"page: {write_page(ledger, args.page)}")
    if n_failed:
        return _FAILED
    return int(not args.quick and not all(bar.is_met for bar in bars(ledger)))


def _measure_all(ledger: Ledger, args: argparse.Namespace) -> int:
    """Do every measurement that is asked for and not there yet; return how many failed."""
    names = _chosen_sets(args)
    systems = _chosen_systems(args)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for this process and those it starts
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(ledger, args, Path(folder))
        for name in names:
            bench.measure_set(_load(name, args.quick), systems)
        if args.growth:
            bench.measure_growth(args.growth)
    return bench.n_failed


class _Bench:
    """The measurements of one run: what is done already is skipped, the rest runs in processes of its own."""

    def __init__(self, ledger: Ledger, args: argparse.Namespace, folder: Path) -> None:
        self.ledger = ledger
        self.args = args
        self.folder = folder
        self.n_failed = 0

    def measure_set(self, data: SpanSet, systems: Sequence[str]) -> None:
        """Do all measurements on one set."""
        rounds = data.rounds()
        self.ledger.content["sets"][data.name] = _facts(data)
        self.ledger.write()
        path = self.folder / "set.json"
        path.write_text(data.to_json(), encoding="utf-8")
        fixed = {"fingerprint": data.fingerprint}
        for system in systems:
            parameters = self._parameters(data.name, system, len(rounds), path, fixed)
            if parameters is None:
                continue
            for variant, changes in self._variants(data.name, system):
                picked = [{**own, **changes.get("parameters", {})} for own in parameters]
                job = {"lever": None, "share": 1.0, "tag_seconds": _TAG_SECONDS, **changes, "parameters": picked}
                job |= {"kind": "fit", "system": system, **({"tag_seconds": 0.0} if self.args.quick else {})}
                for seed in range(self._n_seeds(system, variant)):
                    key = f"{data.name}/{system}/{variant}seed{seed}"
                    self._measure(key, {**job, "seed": seed}, fixed, SYSTEMS[system].packages, path)

    def measure_growth(self, largest: int) -> None:
        """Tag ever more characters, up to `largest`."""
        data = load_set("invented", Path())
        fixed = {"fingerprint": data.fingerprint}
        for series in SERIES:
            for n in (10**k for k in range(4, len(str(largest)))):
                if n <= largest and (series == "articles" or n <= 10**7):
                    job = {"kind": "growth", "system": "tagger", "series": series, "characters": n, "parameters": {}}
                    self._measure(f"growth/{series}/{n}", job, fixed, SYSTEMS["tagger"].packages, examples=data.train)

    def _variants(self, set_name: str, system: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield how a system is measured: as it is, with a share of the data, stopped early, without a lever."""
        yield "", {}
        if self.args.curves and set_name in _CURVE_SETS:
            yield from ((f"share{share:.4f}/", {"share": share}) for share in _SHARES)
        if self.args.race and set_name in _RACE_SETS and system in _RACERS:
            for stop in SYSTEMS[system].stops:
                yield f"stop{next(iter(stop.values()))}/", {"parameters": stop}
        if self.args.ablation and system == "tagger":
            yield from ((f"without-{lever}/", {"lever": lever}) for lever in LEVERS)

    def _n_seeds(self, system: str, variant: str) -> int:
        many = SYSTEMS[system].seeded and not variant.startswith(("share", "stop"))
        return self.args.seeds if many and not self.args.quick else 1

    def _parameters(
        self, set_name: str, system: str, n_rounds: int, path: Path, fixed: Mapping[str, Any]
    ) -> list[dict[str, Any]] | None:
        """Parameters of each round: tuned, or the default; None if the tuning failed."""
        entry = SYSTEMS[system]
        if self.args.quick:
            return [{**entry.default, **(entry.stops[0] if entry.stops else {})}] * n_rounds
        if self.args.no_tune or len(entry.grid) == 1:
            return [dict(entry.default)] * n_rounds
        job = {"kind": "tune", "system": system, "grid": entry.grid}
        # Ours trains fast enough to be tuned on more: the best step depends on how much there is to learn from.
        job["characters"] = self.args.tune_characters if system in _PEERS else _OUR_TUNE_CHARACTERS
        result = self._measure(f"{set_name}/{system}/tuning", job, fixed, entry.packages, path)
        return None if result is None else list(result["picked"])

    def _measure(
        self,
        key: str,
        job: Mapping[str, Any],
        fixed: Mapping[str, Any],
        packages: Sequence[str],
        data: Path | None = None,
        **more: Any,
    ) -> dict[str, Any] | None:
        """Return the result under a key, measured now if need be; None if that failed."""
        settings = {**job, **fixed}
        known = None if self.args.force else self.ledger.find(key, settings, packages)
        if known is not None:
            stale = self.ledger.entries[key]["code"] != code_digest()
            print(f"{key}: there already{' (by other code; --force measures again)' if stale else ''}")
            return known
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks._measure"],
            input=json.dumps({**job, **more, "data": str(data)}),
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, **_ONE_THREAD, "PYTHONHASHSEED": "0"},
            check=False,
        )
        if done.returncode:
            self.n_failed += 1
            print(f"{key}: FAILED with exit status {done.returncode}; its error stands above", file=sys.stderr)
            return None
        result: dict[str, Any] = json.loads(done.stdout)
        self.ledger.add(key, settings, result, packages)
        print(f"{key}: {_line(result)} ({time.perf_counter() - start:.0f} s in all)", flush=True)
        return result


def _chosen_sets(args: argparse.Namespace) -> list[str]:
    folder = data_folder()
    here = folder is not None and (folder / "datasets" / "ner").is_dir()
    names: list[str] = args.sets or (["weibo" if here else "invented"] if args.quick else list(SETS))
    if not here and (needing := [name for name in names if name in NEEDS_DATA]):
        raise InputError(
            f"the data of {', '.join(needing)} is missing: set TAGGER_DATA to the folder that holds datasets/ner "
            "(--sets invented needs none)"
        )
    return names


def _chosen_systems(args: argparse.Namespace) -> list[str]:
    asked = [*_OURS, *(args.peers or (["crfsuite"] if args.quick else []))]
    for name in asked:
        if SYSTEMS[name].missing:
            print(f"{name}: left out, since {', '.join(SYSTEMS[name].missing)} is not installed")
    return [name for name in SYSTEMS if name in asked and not SYSTEMS[name].missing]


def _load(name: str, is_quick: bool) -> SpanSet:
    data = load_set(name, (data_folder() or Path()) / "datasets" / "ner")
    return data.head(_QUICK_EXAMPLES) if is_quick else data


def _facts(data: SpanSet) -> dict[str, Any]:
    """Return what the page says of a set; counts only, no text."""
    rounds = data.rounds()
    judged = [example for part in rounds for example in part.test]
    known = rounds[0].train if len(rounds) == 1 else data.train
    return {
        "note": data.note,
        "fingerprint": data.fingerprint,
        "rounds": len(rounds),
        "train": {"examples": len(known), "characters": sum(len(text) for text, _ in known)},
        "test": {
            "examples": len(judged),
            "characters": sum(len(text) for text, _ in judged),
            "spans": sum(len(spans) for _, spans in judged),
        },
        "leaks": leaks(rounds),
    }


def _names(known: Sequence[str] | Mapping[str, Any]) -> Any:
    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is unknown: choose from {', '.join(known)}")
        return names

    return parse


def _line(result: Mapping[str, Any]) -> str:
    if "picked" in result:
        return f"picked {result['picked']}"
    if "spans" in result:
        return f"{result['seconds']:.2f} s, {result['peak_mb'] - result['base_mb']:.0f} MB above the start"
    return (
        f"F1 {100 * result['f1']:.2f}, trained in {result['train_seconds']:.2f} s, "
        f"{result['tag_characters_per_second']:,.0f} characters a second"
    )


def _print(ledger: Ledger) -> None:
    print(
        f"{'set':14} {'system':15} {'P':>6} {'R':>6} {'F1':>6} {'spread':>6} {'train s':>8} {'chars/s':>10} {'MB':>6}"
    )
    for set_name, system, row in summaries(ledger):
        cells = [f"{100 * row[name]:6.2f}" for name in ("precision", "recall", "f1", "f1_spread")]
        cost = f"{row['train_seconds']:8.2f} {row['tag_characters_per_second']:10,.0f} {row['model_bytes'] / 1e6:6.1f}"
        print(f"{set_name:14} {system:15} {' '.join(cells)} {cost}")
    for bar in bars(ledger):
        mark = "met" if bar.is_met else "MISSED"
        print(f"{bar.name:52} {bar.value:7.2f}{bar.unit:1}  (bar {bar.least:g}{bar.unit}: {mark})")
