"""How charts look: one size, one set of colours, no frame, few ticks.

The colours are those of light paper. `drawing.svg` replaces each by a class, so that a page can give it another value
in the dark.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, ScalarFormatter

INK, MUTED, GRID = "#1f2328", "#59636e", "#d1d9e0"
SERIES = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#0e7490")
"""Told apart by hue and by lightness; markers tell them apart once more."""
MARKERS = ("o", "s", "D", "^", "v", "P")
COLOURS = {"ink": INK, "muted": MUTED, "grid": GRID} | {f"c{place}": hex for place, hex in enumerate(SERIES, start=1)}
"""Every colour by the name of its class."""

WIDTH, HEIGHT = 340, 226
"""Of an ordinary chart, in pixels: one column of a phone, a third of a page."""
_PIXELS_PER_INCH = 72
_FONT = 11

STYLE: dict[Any, Any] = {
    "font.size": _FONT,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": MUTED,
    "axes.titlesize": _FONT,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": _FONT,
    "legend.handlelength": 1.4,
    "legend.columnspacing": 1.2,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.25,
    "legend.borderpad": 0.3,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.bottom": False,
    "ytick.left": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "gristmill",
    "path.simplify": False,
}

styled = functools.partial(matplotlib.rc_context, STYLE)
"""`@styled()`: the function draws in this style, whatever the process has set."""


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure of so many pixels with one set of axes."""
    figure = Figure(figsize=(width / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH), dpi=_PIXELS_PER_INCH)
    figure.set_layout_engine("constrained", w_pad=2 / _PIXELS_PER_INCH, h_pad=2 / _PIXELS_PER_INCH)
    axes = figure.subplots()
    axes.grid(axis="y")
    axes.margins(x=0.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    formatter = ScalarFormatter(useOffset=False)
    formatter.set_scientific(False)
    axes.yaxis.set_major_formatter(formatter)
    axes.xaxis.set_major_formatter(FuncFormatter(compact))
    return figure, axes


def legend(figure: Figure, columns: int = 3) -> None:
    """Name the lines above the axes, where nothing is drawn, when there is more than one."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(labels) < 2:
        return
    columns = min(columns, len(labels))
    by_row = [place for column in range(columns) for place in range(column, len(labels), columns)]  # filled by columns
    figure.legend(
        [handles[place] for place in by_row], [labels[place] for place in by_row],
        loc="outside upper left", ncols=columns,
    )  # fmt: skip


def logarithmic(axes: Axes, low: float, high: float) -> None:
    """A logarithmic y axis with some ticks for each power of ten: the more, the fewer powers there are."""
    axes.set_yscale("log")
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 1.5, 2, 3, 4, 5, 7) if high / low < 10 else (1, 2, 5) if len(powers) <= 4 else (1,)
    ticks = [digit * 10.0**power for power in powers for digit in digits]
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low / 1.2 <= tick <= high * 1.2]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(compact))


def compact(value: float, _place: int | None = None) -> str:
    """A tick's value in few letters: `250k`, `1.5M`, `0.02`."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}".replace("-", "\N{MINUS SIGN}")
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
