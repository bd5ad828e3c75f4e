"""Speed of the whole pipeline beside jieba alone, and of a cold start.

Throughput: `Model.read` on whole pages, everything included, beside `jieba.cut` on the same text; the two take turns
in one process on one core, and the ratio is that of the medians. Cold start: the wall time of a fresh
``tagger predict`` process beside that of a fresh process that only initialises jieba, in turns as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tagger import load
from tagger.page import PageSegmenter, assemble
from tagger.pipeline import Model
from tagger.text.files import read_text
from tagger.text.normalize import Normalizer
from training.corpus import data_folder

__all__ = ["add_arguments", "run"]

_ROOT = Path(__file__).resolve().parent.parent
_MIN_THROUGHPUT = 0.5  # of jieba.cut's
_MAX_COLD = 2.5  # times jieba.initialize's wall time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the benchmark takes."""
    parser.add_argument("--model", default="gov-news", help="model to measure (default: gov-news)")
    parser.add_argument("--rounds", type=int, default=15, help="turns of the throughput comparison (default: 15)")
    parser.add_argument("--starts", type=int, default=7, help="turns of the cold-start comparison (default: 7)")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")


def run(args: argparse.Namespace) -> int:
    """Measure, print, and return 1 if a bar is missed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for this process and those it starts
    pages, what = _pages()
    n_chars = sum(map(len, pages))
    print(f"{len(pages)} pages, {n_chars} characters ({what}); one core")
    throughput = _throughput(load(args.model), pages, args.rounds)
    cold = _cold_start(args.model, args.starts)
    _print(throughput, cold, n_chars)
    if args.json:
        args.json.write_text(json.dumps({"throughput": throughput, "cold_start": cold}, indent=2) + "\n")
    return int(throughput["ratio"] < _MIN_THROUGHPUT or cold["ratio"] > _MAX_COLD)


def _pages() -> tuple[list[str], str]:
    folder = data_folder()
    seeds = sorted((folder / "seeds").glob("*.txt")) if folder is not None else []
    paths = seeds or [_ROOT / "examples" / "front_page.txt"]
    return [read_text(path).text for path in paths], "real pages" if seeds else "the example page"


def _throughput(model: Model, pages: Sequence[str], rounds: int) -> dict[str, Any]:
    """Characters a second of each, measured in turns, and the pipeline's share of time by stage."""
    import jieba

    jieba.setLogLevel(60)
    jieba.initialize()

    def cut() -> None:
        for page in pages:
            for _ in jieba.cut(page):
                pass

    def read() -> None:
        for page in pages:
            model.read(page)

    times = _in_turns([cut, read], rounds)
    n_chars = sum(map(len, pages))
    jieba_rate, rate = (n_chars / median(one) for one in times)
    return {
        "jieba_chars_per_second": round(jieba_rate),
        "pipeline_chars_per_second": round(rate),
        "ratio": round(rate / jieba_rate, 3),
        "stages": _stages(model, pages, rounds),
    }


def _stages(model: Model, pages: Sequence[str], rounds: int) -> dict[str, float]:
    """Share of the pipeline's time of each stage, each run on its own on all pages."""
    normalizer, segmenter, words = Normalizer(), PageSegmenter(), model._segmenter
    clean = [normalizer(page) for page in pages]
    parts = [[assemble(c.text, part) for part in segmenter.segment(c.text)] for c in clean]
    texts = [part.text for page in parts for part in page]
    cuts = [words.boundaries(text) for text in texts]
    stages: dict[str, Callable[[], object]] = {
        "normalize": lambda: [normalizer(page) for page in pages],
        "page": lambda: [assemble(c.text, part) for c in clean for part in segmenter.segment(c.text)],
        "words": lambda: [words.boundaries(text) for text in texts],
        "topics": lambda: [model._topic_scores(text, cut) for text, cut in zip(texts, cuts, strict=True)],
    }
    if model._span_tagger is not None:
        tag = model._span_tagger.tag
        stages["spans"] = lambda: [tag(text, cut) for text, cut in zip(texts, cuts, strict=True)]
    times = [median(one) for one in _in_turns(list(stages.values()), rounds)]
    return {name: round(one / sum(times), 3) for name, one in zip(stages, times, strict=True)}


def _cold_start(model: str, starts: int) -> dict[str, Any]:
    """Wall seconds of fresh processes, in turns; each has run once before, so that everything is compiled."""
    page = _ROOT / "examples" / "front_page.txt"
    predict = [sys.executable, "-m", "tagger", "predict", str(page), "--model", model]
    initialize = [sys.executable, "-c", "import jieba; jieba.initialize()"]
    times = _in_turns([lambda: _start(predict), lambda: _start(initialize)], starts)
    ours, jieba = (median(one) for one in times)
    return {"predict_seconds": round(ours, 3), "jieba_seconds": round(jieba, 3), "ratio": round(ours / jieba, 3)}


def _start(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=_ROOT)


def _in_turns(jobs: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each job in each round, after one round that does not count."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(rounds + 1):
        for job, seconds in zip(jobs, times, strict=True):
            start = time.perf_counter()
            job()
            if turn:
                seconds.append(time.perf_counter() - start)
    return times


def _print(throughput: dict[str, Any], cold: dict[str, Any], n_chars: int) -> None:
    bars = (
        ("throughput, pipeline / jieba.cut", throughput["ratio"], f">= {_MIN_THROUGHPUT}"),
        ("cold start, tagger predict / jieba.initialize", cold["ratio"], f"<= {_MAX_COLD}"),
    )
    for name, ratio, bar in bars:
        print(f"{name:48} {ratio:6.2f}   (bar {bar})")
    print("share of the pipeline's time: " + ", ".join(f"{k} {v:.0%}" for k, v in throughput["stages"].items()))
