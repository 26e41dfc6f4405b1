"""What models can do, stage by stage: shares of right answers, and how often an answer is preferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from pipeline.figures.style import INK, MARKERS, MUTED, SERIES, WIDTH, legend, new_figure, styled

_ROW, _REST = 34, 66

Rows = Sequence[Mapping[str, Any]]


@styled()
def tasks_by_stage(figures: Rows, models: Sequence[str]) -> Figure | None:
    """Shares of right answers with standard errors: a row for each group of a task, a mark for each model.

    `figures` are rows of `evaluation.json` with one metric; the bar is the better of chance and the most frequent
    answer.
    """
    groups = list(dict.fromkeys(row["group"] for row in figures))
    models = [model for model in models if any(row["model"] == model for row in figures)]
    if not groups or not models:
        return None
    figure, axes = new_figure(WIDTH, _REST + _ROW * len(groups))
    for place, model in enumerate(models):
        own = {row["group"]: row for row in figures if row["model"] == model}
        offset = 0.6 * ((place + 0.5) / len(models) - 0.5)
        _marks(axes, [(groups.index(group) + offset, row) for group, row in own.items()], "value", place, model)
    against = [(groups.index(row["group"]), row["baseline"]) for row in figures if row["model"] == models[0]]
    known = [(place, baseline) for place, baseline in against if baseline is not None]
    axes.errorbar(
        [baseline for _, baseline in known], [place for place, _ in known], yerr=0.36, color=INK,
        linestyle="none", elinewidth=1.4, label="baseline",
    )  # fmt: skip
    _shares(axes, groups)
    axes.set_xlabel("share of right answers ± 1 standard error")
    legend(figure)
    return figure


@styled()
def win_rates(wins: Rows) -> Figure | None:
    """How often a model's answers are preferred: a row for each model, a mark for each judge, half in the middle."""
    models, judges = ([*dict.fromkeys(win[key] for win in wins)] for key in ("model", "judge"))
    if not wins:
        return None
    figure, axes = new_figure(WIDTH, _REST + _ROW * len(models))
    for place, judge in enumerate(judges):
        offset = 0.6 * ((place + 0.5) / len(judges) - 0.5)
        own = [(models.index(win["model"]) + offset, win) for win in wins if win["judge"] == judge]
        _marks(axes, own, "win_rate", place, f"judged by {judge.removeprefix('builtin:')}")
    axes.axvline(0.5, color=MUTED, linewidth=1.2, linestyle=(0, (5, 2.5)))
    _shares(axes, models)
    axes.set_xlabel("share of answers preferred ± 1 standard error")
    legend(figure, columns=2)
    return figure


def _marks(
    axes: Axes, rows: Sequence[tuple[float, Mapping[str, Any]]], value: str, place: int, label: str
) -> None:  # fmt: skip
    axes.errorbar(
        [row[value] for _, row in rows], [y for y, _ in rows], xerr=[row["standard_error"] or 0 for _, row in rows],
        color=SERIES[place % len(SERIES)], marker=MARKERS[place % len(MARKERS)], linestyle="none", markersize=4.5,
        elinewidth=1.1, label=label,
    )  # fmt: skip


def _shares(axes: Axes, names: Sequence[str]) -> None:
    """Shares from 0 to 1 across, a row for each name."""
    axes.set_xlim(-0.03, 1.03)
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
