"""What became of the documents of a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pipeline.figures.style import MUTED, SERIES, WIDTH, new_figure, styled

_BAR, _REST = 34, 34


@styled()
def funnel(steps: Sequence[Mapping[str, Any]]) -> Figure | None:
    """A bar for the documents that came in and one for those that each step let pass, with how many it dropped.

    `steps` are those of `funnel.json`: `step`, `in`, `out`, `dropped` (reason to source to count).
    """
    if not steps or not steps[0]["in"]:
        return None
    figure, axes = new_figure(WIDTH, _REST + _BAR * (len(steps) + 1))
    read = steps[0]["in"]
    names = ["read", *(step["step"].replace("_", " ") for step in steps)]
    counts = [read, *(step["out"] for step in steps)]
    lost = [0, *(step["in"] - step["out"] for step in steps)]
    places = range(len(names))
    axes.barh(places, counts, height=0.62, color=SERIES[0], alpha=0.85)
    axes.barh(places, lost, height=0.62, left=counts, color=SERIES[1], alpha=0.85)
    for place, count, gone in zip(places, counts, lost, strict=True):
        dropped = f"  \N{MINUS SIGN}{gone:,}" if gone else ""
        axes.text(read * 1.015, place, f"{count:,}{dropped}", va="center", ha="left")
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    axes.set_xlim(0, read * 1.35)
    axes.xaxis.set_major_locator(NullLocator())
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_title("documents left after each step", color=MUTED)
    return figure
