"""The results page: Markdown tables and SVG plots, made from the results file alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks._ledger import Ledger
from benchmarks._plots import Line, Panel, draw
from benchmarks._scores import ERROR_CLASSES
from benchmarks._summary import bars, ratios, set_names, summaries, summary
from benchmarks._systems import LEVERS, SYSTEMS

__all__ = ["write_page"]

Section = Iterator[str]

_RACE_RANGE = 6.0  # points of F1 below the best that the race's plots show

_INTRODUCTION = """\
# Span taggers: results

Strict F1 of spans (start, end and label all right, micro-averaged), checked in the same run against
[seqeval](https://github.com/chakki-works/seqeval)'s strict mode. Each measurement ran in a fresh process, on one core
and one thread; seconds are processor seconds, compilation is left out, and tagging starts from raw text, so that
building attributes counts. Numbers are means over the seeds; "±" is the distance between the best and the worst seed;
intervals are 95 % bootstrap over test examples (documents for gov-news). Sets without a split are tested fold by fold,
each fold by a model that has not seen it. Hyper-parameters come from the dev part or a tenth of training, never from
test.

Quote ratios, not times: they are of one machine.
"""


def write_page(ledger: Ledger, folder: Path) -> Path:
    """Write ``spans.md`` and its plots into a folder.

    Returns
    -------
    page : Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_INTRODUCTION]
    for section in (
        _setup,
        _bars,
        _results,
        _speed,
        _labels,
        _errors,
        _ablation,
        lambda ledger: _curves(ledger, folder),
        lambda ledger: _race(ledger, folder),
        lambda ledger: _growth(ledger, folder),
        _sets,
        _tuning,
    ):
        lines += section(ledger)
    page = folder / "spans.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return page


def _setup(ledger: Ledger) -> Section:
    entries = ledger.entries.values()
    dates = sorted({entry["date"] for entry in entries})
    packages = {name: number for entry in entries for name, number in entry["versions"].items()}
    machine = ledger.content["machine"]
    yield (
        f"Machine: {machine['processor']}, one of {machine['cores']} cores, {machine['system']}, Python "
        f"{machine['python']}; {', '.join(f'{name} {number}' for name, number in sorted(packages.items()))}."
    )
    if dates:
        yield f"Measured from {dates[0]} to {dates[-1]}." if dates[0] != dates[-1] else f"Measured on {dates[0]}."
    if len({entry["code"] for entry in entries}) > 1:
        yield "Some numbers were measured before the last change of the library; `--force` measures them again."
    yield ""
    systems = {system for _, system, _ in summaries(ledger)}
    yield from _table(["system", "what it is"], [[f"`{n}`", SYSTEMS[n].about] for n in SYSTEMS if n in systems])


def _bars(ledger: Ledger) -> Section:
    found = bars(ledger)
    if found:
        yield "## Bars\n"
        rows = [
            [bar.name, f"{bar.value:.2f}{bar.unit}", f"{bar.least:g}{bar.unit}", "met" if bar.is_met else "**missed**"]
            for bar in found
        ]
        yield from _table(["what", "measured", "bar", ""], rows, right=(1, 2))


def _results(ledger: Ledger) -> Section:
    yield "## Results\n"
    head = ["set", "system", "P", "R", "F1", "95 %", "F1, clean", "train s", "chars/s", "model MB", "peak MB"]
    rows = [[name, f"`{system}`", *_result_cells(row)] for name, system, row in summaries(ledger)]
    yield from _table(head, rows, right=range(2, len(head)))
    yield (
        '"F1, clean": on test texts that do not stand in training, where some do. "chars/s": tagging raw text. '
        '"model MB": as stored, without the lexicon that models share. "peak MB": of the whole process, Python, '
        "dictionary and data included.\n"
    )


def _result_cells(row: dict[str, Any]) -> list[str]:
    low, high = row["interval"]
    return [
        f"{100 * row['precision']:.1f}",
        f"{100 * row['recall']:.1f}",
        f"**{100 * row['f1']:.2f}** ± {100 * row['f1_spread']:.2f}",
        f"{100 * low:.1f}–{100 * high:.1f}",
        f"{100 * row['clean_f1']:.2f}" if row["n_clean"] < row["n_test"] else "",
        f"{row['train_seconds']:.1f}",
        f"{row['tag_characters_per_second']:,.0f}",
        f"{row['model_bytes'] / 1e6:.1f}",
        f"{row['peak_mb']:.0f}",
    ]


def _speed(ledger: Ledger) -> Section:
    found = ratios(ledger)
    if found:
        yield "## Speed beside python-crfsuite with the same templates\n"
        rows = [
            [
                ratio.set_name,
                f"`{ratio.system}`",
                f"{100 * ratio.f1:.2f}",
                f"{100 * ratio.peer_f1:.2f}",
                f"{ratio.training:.1f}x",
                f"{ratio.optimizing:.1f}x",
                f"{ratio.tagging:.1f}x",
            ]
            for ratio in found
        ]
        head = ["set", "system", "F1", "its F1", "training", "training, its attributes free", "tagging"]
        yield from _table(head, rows, right=range(2, len(head)))
        yield (
            'Times faster. "training, its attributes free": all of our training against its optimisation alone, the '
            "building of its attribute strings not counted.\n"
        )


def _labels(ledger: Ledger) -> Section:
    yield "## F1 of each label\n"
    for set_name in set_names(ledger):
        rows = {system: row for name, system, row in summaries(ledger) if name == set_name}
        if rows:
            labels = next(iter(rows.values()))["labels"]
            body = [
                [label, str(row["support"]), *(_label_cell(found, label) for found in rows.values())]
                for label, row in labels.items()
            ]
            yield f"<details><summary>{set_name}</summary>\n"
            yield from _table(["label", "support", *(f"`{name}`" for name in rows)], body, right=range(1, 9))
            yield "</details>\n"


def _label_cell(row: dict[str, Any], label: str) -> str:
    return f"{100 * row['labels'][label]['f1']:.1f}" if label in row["labels"] else ""


def _errors(ledger: Ledger) -> Section:
    yield "## What becomes of annotated spans\n"
    head = ["set", "system", *ERROR_CLASSES, "spurious", "recall, seen", "recall, unseen"]
    rows = [
        [name, f"`{system}`", *_error_cells(row["errors"])]
        for name, system, row in summaries(ledger)
        if system in ("tagger", "crfsuite")
    ]
    yield from _table(head, rows, right=range(2, len(head)))
    yield (
        'Per cent of the annotated spans. "type": the range is right, the label is not; "boundary": the label is '
        'right, the range only overlaps; "seen": the same characters stand in training with the same label. '
        '"spurious": predictions that touch no annotated span, as a share of those.\n'
    )


def _error_cells(errors: dict[str, float]) -> list[str]:
    total = max(1, sum(errors[name] for name in ERROR_CLASSES))
    shares = [f"{100 * errors[name] / total:.1f}" for name in (*ERROR_CLASSES, "spurious")]
    seen, right = errors["seen"], errors["right, seen"]
    recalls = (right, seen), (errors["right"] - right, total - seen)
    return shares + [f"{100 * hits / n:.1f}" if n else "" for hits, n in recalls]


def _ablation(ledger: Ledger) -> Section:
    rows = []
    for set_name in set_names(ledger):
        full = summary(ledger, set_name, "tagger")
        without = [summary(ledger, set_name, "tagger", variant=f"without-{lever}/") for lever in LEVERS]
        if full is not None and any(without):
            changes = [f"{100 * (row['f1'] - full['f1']):+.2f}" if row else "" for row in without]
            rows.append([set_name, f"{100 * full['f1']:.2f}", *changes])
    if rows:
        yield "## What each lever brings\n"
        head = ["set", "all", *(f"without {lever}" for lever in LEVERS)]
        yield from _table(head, rows, right=range(1, len(head)))
        yield 'F1 of `tagger`, and its change when a lever is taken away; "words" takes the lexicon with it.\n'


def _curves(ledger: Ledger, folder: Path) -> Section:
    curves = {name: _curve_lines(ledger, name) for name in set_names(ledger)}
    curves = {name: lines for name, lines in curves.items() if lines}
    if not curves:
        return
    for file, label, value in (
        ("curves", "strict F1, %", lambda row: 100 * row["f1"]),
        ("vocabulary", "learned attributes", lambda row: row["features"]),
        ("size", "model, MB", lambda row: row["model_bytes"] / 1e6),
    ):
        panels = [
            Panel(name, "training characters", label, _lines(series, value), y_log=file != "curves")
            for name, series in curves.items()
        ]
        draw(folder / f"spans-{file}.svg", panels)
    yield "## Learning curves\n"
    yield "![F1 against the size of the training part](spans-curves.svg)\n"
    yield "Vocabulary growth: attributes that get a weight, and the stored model, against training characters.\n"
    yield "![Learned attributes against training characters](spans-vocabulary.svg)\n"
    yield "![Model size against training characters](spans-size.svg)\n"


def _curve_lines(ledger: Ledger, set_name: str) -> dict[str, list[dict[str, Any]]]:
    """Results by system, from the smallest share of the training part to all of it."""
    found = {}
    for system in SYSTEMS:
        parts = [row for rest, row in ledger.results(f"{set_name}/{system}/share") if rest.endswith("seed0")]
        whole = [row for rest, row in ledger.results(f"{set_name}/{system}/seed") if rest == "0"]
        if parts and whole:
            found[system] = sorted(parts + whole, key=lambda row: float(row["train_characters"]))
    return found


def _lines(series: dict[str, list[dict[str, Any]]], value: Callable[[dict[str, Any]], float]) -> list[Line]:
    return [
        Line(system, [row["train_characters"] for row in rows], [value(row) for row in rows])
        for system, rows in series.items()
        if all("features" in row for row in rows)
    ]


def _race(ledger: Ledger, folder: Path) -> Section:
    costs, races = [], []
    for set_name in set_names(ledger):
        found = {system: row for name, system, row in summaries(ledger) if name == set_name}
        if len(found) > 2:
            points = [Line(s, [r["tag_characters_per_second"]], [100 * r["f1"]]) for s, r in found.items()]
            costs.append(Panel(set_name, "characters tagged a second", "strict F1, %", points))
        stops = {
            s: sorted(ledger.results(f"{set_name}/{s}/stop"), key=lambda one: one[1]["train_seconds"]) for s in SYSTEMS
        }
        lines = [
            Line(s, [row["train_seconds"] for _, row in rows], [100 * row["f1"] for _, row in rows])
            for s, rows in stops.items()
            if rows
        ]
        if lines:
            races.append(Panel(set_name, "seconds of training", "strict F1, %", lines, y_range=_RACE_RANGE))
    if costs or races:
        yield "## F1 against cost\n"
    if costs:
        draw(folder / "spans-cost.svg", costs, columns=3)
        yield "![F1 against characters tagged a second](spans-cost.svg)\n"
    if races:
        draw(folder / "spans-race.svg", races, columns=3)
        yield f"Training stopped ever later: passes of ours, iterations of L-BFGS; the last {_RACE_RANGE:g} points.\n"
        yield "![F1 against seconds of training](spans-race.svg)\n"


def _growth(ledger: Ledger, folder: Path) -> Section:
    series: dict[str, list[dict[str, float]]] = {}
    for rest, row in ledger.results("growth/"):
        series.setdefault(rest.partition("/")[0], []).append(row)
    if not series:
        return
    series = {name: sorted(rows, key=lambda row: row["characters"]) for name, rows in sorted(series.items())}
    values: dict[str, Callable[[dict[str, float]], float]] = {
        "seconds": lambda row: row["seconds"],
        "MB above the start": lambda row: max(0.1, row["peak_mb"] - row["base_mb"]),
    }
    panels = [
        Panel(
            label,
            "characters",
            label,
            [Line(name, [r["characters"] for r in rows], [value(r) for r in rows]) for name, rows in series.items()],
            y_log=True,
        )
        for label, value in values.items()
    ]
    draw(folder / "spans-growth.svg", panels)
    yield "## Growth\n"
    yield (
        "Tagging invented articles: in batches out of an iterator, of which only one is held at a time, and as one "
        "text, which is held with its result.\n"
    )
    yield "![Seconds and memory against characters](spans-growth.svg)\n"
    rows = [
        [name, *_growth_cells(row["characters"], row["seconds"], row["peak_mb"] - row["base_mb"])]
        for name, found in series.items()
        for row in found
    ]
    head = ["series", "characters", "seconds", "microseconds a character", "MB above the start"]
    yield from _table(head, rows, right=range(1, 5))


def _growth_cells(characters: float, seconds: float, megabytes: float) -> list[str]:
    return [f"{characters:,.0f}", f"{seconds:.2f}", f"{1e6 * seconds / characters:.2f}", f"{megabytes:.0f}"]


def _sets(ledger: Ledger) -> Section:
    yield "## Sets and leaks\n"
    rows = []
    for name in set_names(ledger):
        facts = ledger.content["sets"][name]
        shares = [f"{100 * facts['leaks'][part]:.1f}" for part in ("texts", "mentions")]
        sizes = [f"{facts['train']['examples']:,}", f"{facts['test']['examples']:,}", f"{facts['test']['spans']:,}"]
        rows.append([name, *sizes, *shares, facts["note"]])
    head = ["set", "train", "test", "spans of test", "texts in train, %", "mentions in train, %", "note"]
    yield from _table(head, rows, right=range(1, 6))
    yield (
        '"texts in train": share of the test texts that stand in training character by character; "mentions in '
        'train": share of the test spans whose characters and label do. Texts of public sets may stand in the raw '
        "news that the lexicon was learned from, without their labels.\n"
    )


def _tuning(ledger: Ledger) -> Section:
    rows = []
    for key, entry in ledger.entries.items():
        if key.endswith("/tuning"):
            set_name, system, _ = key.split("/")
            tried = zip(entry["settings"]["grid"], entry["result"]["f1"], strict=True)
            points = "; ".join(f"{_point(point)}: {_mean(f1)}" for point, f1 in tried)
            picked = ", ".join(sorted({_point(point) for point in entry["result"]["picked"]}))
            rows.append([set_name, f"`{system}`", picked, points])
    if rows:
        yield "## Hyper-parameters\n"
        yield from _table(["set", "system", "picked", "F1 on dev of each that was tried"], rows)


def _mean(scores: Sequence[float]) -> str:
    return f"{100 * sum(scores) / len(scores):.1f}"


def _point(parameters: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> Section:
    """Yield a Markdown table; the columns `right` are set flush right."""
    to_right = set(right)
    yield "| " + " | ".join(head) + " |"
    yield "|" + "|".join("--:" if i in to_right else "---" for i in range(len(head))) + "|"
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
    yield ""
