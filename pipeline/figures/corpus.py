"""What became of the documents of a corpus, how long they are, how alike the dropped ones were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pipeline.figures.style import MUTED, SERIES, WIDTH, compact, new_figure, styled

_BAR, _REST = 34, 34


@styled()
def funnel(steps: Sequence[Mapping[str, Any]]) -> Figure | None:
    """A bar for the documents that came in and one for those that each step let pass, with how many it dropped.

    `steps` are those of `funnel.json`: `step`, `in`, `out`, `dropped` (reason to source to count), `repeated`.
    """
    if not steps or not steps[0]["in"]:
        return None
    figure, axes = new_figure(WIDTH, _REST + _BAR * (len(steps) + 1))
    names = ["read", *(step["step"].replace("_", " ") for step in steps)]
    counts = [steps[0]["in"], *(step["out"] for step in steps)]
    lost = [0, *(sum(sum(by_source.values()) for by_source in step["dropped"].values()) for step in steps)]
    again = [0, *(sum(step.get("repeated", {}).values()) for step in steps)]
    places = range(len(names))
    axes.barh(places, counts, height=0.62, color=SERIES[0], alpha=0.85)
    axes.barh(places, lost, height=0.62, left=counts, color=SERIES[1], alpha=0.85)
    longest = max(count + gone for count, gone in zip(counts, lost, strict=True))
    for place, count, gone, more in zip(places, counts, lost, again, strict=True):
        dropped = f"  \N{MINUS SIGN}{gone:,}" if gone else ""
        taken_again = f"  +{more:,}" if more else ""
        axes.text(max(counts[0], count + gone) + 0.015 * longest, place, f"{count:,}{dropped}{taken_again}",
                  va="center", ha="left")  # fmt: skip
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    axes.set_xlim(0, longest * (1.55 if any(again) else 1.35))
    axes.xaxis.set_major_locator(NullLocator())
    axes.grid(False)
    axes.spines["bottom"].set_visible(False)
    axes.set_title("documents left after each step", color=MUTED)
    return figure


@styled()
def lengths(ranges: Sequence[Mapping[str, float]]) -> Figure | None:
    """How many documents have which length, on a logarithmic axis.

    `ranges` are those of `profile.json`: `from` and `to` in characters, `documents`.
    """
    if not ranges:
        return None
    figure, axes = new_figure()
    starts = [part["from"] for part in ranges]
    widths = [part["to"] - part["from"] for part in ranges]
    axes.bar(starts, [part["documents"] for part in ranges], width=widths, align="edge", color=SERIES[0], alpha=0.85)
    axes.set_xscale("log")
    low, high = starts[0], ranges[-1]["to"]
    axes.set_xlim(low / 1.15, high * 1.15)
    digits = (1,) if high / low > 200 else (1, 2, 5)
    ticks = [digit * 10**power for power in range(13) for digit in digits if low <= digit * 10**power <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks or [low, high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(round(value))))
    axes.yaxis.set_major_formatter(FuncFormatter(compact))
    axes.set_xlabel("characters")
    axes.set_title("documents", color=MUTED)
    return figure


@styled()
def similarities(ranges: Sequence[Mapping[str, float]], threshold: float) -> Figure | None:
    """How alike the near duplicates were to the documents that stay instead, from the threshold to the same.

    `ranges` are those of `profile.json`: `from` and `to` as Jaccard similarity, `documents`.
    """
    if not any(part["documents"] for part in ranges):
        return None
    figure, axes = new_figure()
    width = ranges[0]["to"] - ranges[0]["from"]
    axes.bar([part["from"] for part in ranges], [part["documents"] for part in ranges], width=0.92 * width,
             align="edge", color=SERIES[1], alpha=0.85)  # fmt: skip
    axes.axvline(threshold, color=MUTED, linewidth=1.2, linestyle=(0, (5, 2.5)))
    axes.set_xlim(threshold - width, 1.01)
    axes.yaxis.set_major_formatter(FuncFormatter(compact))
    axes.set_xlabel("similarity to the one that stays")
    axes.set_title("dropped documents", color=MUTED)
    return figure
