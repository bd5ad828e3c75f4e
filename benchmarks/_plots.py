"""Plots of the results page, as SVG: the same results give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Line", "Panel", "draw"]

_COLOURS = {
    "tagger": "#b3261e",
    "tagger-plain": "#e08a3c",
    "crfsuite": "#1f5fa8",
    "crfsuite-usual": "#6fa8dc",
    "spacy": "#3f8f5b",
}
_MARKERS = {"tagger": "o", "tagger-plain": "s", "crfsuite": "D", "crfsuite-usual": "^", "spacy": "v"}
_OTHERS = ("#b3261e", "#1f5fa8", "#3f8f5b")
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "tagger",  # or ids are random, and no two drawings alike
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}


@dataclass(frozen=True)
class Line:
    """One series: points in order of x; a colour of its own where it is named after a system."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One pair of axes, x logarithmic; `y_log` for y as well, `y_range` cuts off what is further below the best."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line] = field(default_factory=list)
    y_log: bool = False
    y_range: float | None = None


def draw(path: Path, panels: Sequence[Panel], *, columns: int = 2) -> None:
    """Draw panels into one SVG file, with one legend above them."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with plt.rc_context(_STYLE):
        figure, grid = plt.subplots(
            rows, columns, figsize=(3.6 * columns + 0.4, 2.7 * rows + 0.5), squeeze=False, layout="constrained"
        )
        figure.patch.set_facecolor("white")  # readable on a dark page as well
        axes = list(grid.flat)
        for axis, panel in zip(axes, panels, strict=False):
            _draw_panel(axis, panel)
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        _legend(figure, axes)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _draw_panel(axis: Any, panel: Panel) -> None:
    for line, colour, marker in zip(panel.lines, *_styles(panel.lines), strict=True):
        axis.plot(line.x, line.y, marker=marker, markersize=5, linewidth=1.4, color=colour, label=line.name)
    axis.set_xscale("log")
    _log_ticks(axis.xaxis, *axis.get_xlim())
    if panel.y_log:
        axis.set_yscale("log")
        _log_ticks(axis.yaxis, *axis.get_ylim())
    if panel.y_range is not None:
        axis.set_ylim(bottom=max(axis.get_ylim()[0], max(y for line in panel.lines for y in line.y) - panel.y_range))
    axis.set_title(panel.title, loc="left", fontsize=10, fontweight="bold")
    axis.set_xlabel(panel.x_label)
    axis.set_ylabel(panel.y_label)


def _log_ticks(axis: Any, least: float, most: float) -> None:
    """Write 20k, not 2 x 10^4: at 1, 2 and 5 of each decade, or at 1 alone where there are many."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    thousands = EngFormatter(sep="")

    axis.set_major_locator(LogLocator(subs=(1.0,) if most > 300 * least else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value) if value >= 1000 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _styles(lines: Sequence[Line]) -> tuple[list[str], list[str]]:
    colours = [_COLOURS.get(line.name, _OTHERS[i % len(_OTHERS)]) for i, line in enumerate(lines)]
    return colours, [_MARKERS.get(line.name, "o") for line in lines]


def _legend(figure: Any, axes: Iterable[Any]) -> None:
    handles: Mapping[str, Any] = {
        label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper center", ncols=max(1, len(handles)), frameon=False
    )
