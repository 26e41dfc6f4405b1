"""Courses of a training: loss, learning rate, reward, KL, length, entropy, one against the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pipeline.figures.series import Level, Line, Row, course_axis, line_of, running_mean, thinned
from pipeline.figures.style import MARKERS, MUTED, SERIES, compact, legend, logarithmic, new_figure, styled

_LOGARITHMIC_FROM = 3
"""A loss whose highest value is so many times its lowest is drawn on a logarithmic axis."""
_SMOOTHED_FROM = 60
"""Lines of fewer points are drawn as they are."""
_DASHES = ((0, (5, 2.5)), (0, (1.5, 1.8)), (0, (7, 2, 1.5, 2)), (0, (3, 1.5)))


@styled()
def course(
    lines: Sequence[Line | None],
    levels: Sequence[Level] = (),
    unit: str = "",
    axis: str = "tokens",
    falls: bool = False,
) -> Figure | None:
    """Lines over the course of a training, with the levels they are read against; None if no line has two points.

    A long line is drawn pale, with its running mean over it. What `falls` by much is drawn on a logarithmic axis.
    """
    drawn = [line for line in lines if line is not None]
    if not drawn:
        return None
    assert len(drawn) <= len(SERIES), "more lines than colours"
    figure, axes = new_figure()
    for line, colour in zip(drawn, SERIES, strict=False):
        _draw(axes, line, colour)
    for level, dashes in zip(levels, _DASHES, strict=False):
        axes.axhline(level.value, color=MUTED, linewidth=1.2, linestyle=dashes, label=_named(level))
    _scale(axes, drawn, levels, falls)
    axes.set_title(unit)
    axes.set_xlabel(axis)
    axes.set_xlim(left=0)
    legend(figure, columns=2 if levels else 3)
    return figure


def _named(level: Level) -> str:
    return f"{level.label} {level.value:.3g}"


def _draw(axes: Axes, line: Line, colour: str) -> None:
    if line.error is not None:
        places = thinned(line.y)
        low, high = line.y - line.error, line.y + line.error
        axes.fill_between(line.x[places], low[places], high[places], color=colour, alpha=0.18, linewidth=0)
    smooth = len(line.y) >= _SMOOTHED_FROM
    places = thinned(line.y)
    axes.plot(
        line.x[places],
        line.y[places],
        color=colour,
        label=None if smooth else line.label,
        alpha=0.35 if smooth else 1,
        linewidth=1 if smooth else 1.6,
    )
    if smooth:
        mean = running_mean(line.y)
        places = thinned(mean)
        axes.plot(line.x[places], mean[places], color=colour, label=line.label)


def _scale(axes: Axes, lines: Sequence[Line], levels: Sequence[Level], falls: bool) -> None:
    """From zero for what comes near it and is never below."""
    values = [float(value) for line in lines for value in (line.y.min(), line.y.max())]
    values += [level.value for level in levels]
    low, high = min(values), max(values)
    if falls and low > 0 and high / low >= _LOGARITHMIC_FROM:
        logarithmic(axes, low, high)
    elif 0 <= low < 0.5 * high:
        axes.set_ylim(bottom=0)


def training_curve(rows: Sequence[Row], levels: Sequence[Level] = (), unit: str = "nats per token") -> Figure | None:
    """The loss against tokens (or steps), with the floor, the bigram model's loss and the like where they are known;
    that on held-out text beside it where it was measured on the way.
    """
    lines = [line_of(rows, "loss", "training loss"), line_of(rows, "validation_loss", "held-out loss")]
    return course(lines, levels, unit, course_axis(rows), falls=True)


@styled()
def learning_rate(rows: Sequence[Row]) -> Figure | None:
    """The learning rate over the training, and the critic's where there is one."""
    lines = [
        line_of(rows, column, label)
        for column, label in (("learning_rate", "learning rate"), ("critic_learning_rate", "critic's"))
    ]
    known = [line for line in lines if line is not None]
    highest = max((float(line.y.max()) for line in known), default=0.0)
    if highest <= 0:
        return None
    power = math.floor(math.log10(highest))
    scaled = [Line(line.label, line.x, line.y / 10.0**power) for line in known]
    figure, axes = new_figure()
    for line, colour in zip(scaled, SERIES, strict=False):
        places = thinned(line.y)
        axes.plot(line.x[places], line.y[places], color=colour, label=line.label)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_title(f"× {_power_of_ten(power)}")
    axes.set_xlabel(course_axis(rows))
    legend(figure)
    return figure


def _power_of_ten(power: int) -> str:
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}"


def reward_against_kl(rows: Sequence[Row], columns: Sequence[tuple[str, str]]) -> Figure | None:
    """What the policy gained for the distance it went: scores (`column, label`) against the KL from the reference."""
    lines = [line_of(rows, column, label, axis="kl") for column, label in columns]
    return against_kl([replace(line, error=None) for line in lines if line is not None])


@styled()
def against_kl(lines: Sequence[Line]) -> Figure | None:
    """Scores against the KL divergence from the reference, a line for each; with errors where a line has them."""
    if not lines:
        return None
    figure, axes = new_figure()
    for place, line in enumerate(lines):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        places = thinned(line.y)
        x, y = line.x[places], line.y[places]
        axes.plot(x, y, color=colour, linewidth=1, alpha=0.45)
        axes.plot(x, y, color=colour, linestyle="none", marker=marker, markersize=3.5, label=line.label)
        axes.plot(x[-1:], y[-1:], color=colour, linestyle="none", marker=marker, markersize=7.5)
        if line.error is not None:
            axes.errorbar(x, y, yerr=line.error[places], color=colour, linestyle="none", elinewidth=0.9, alpha=0.6)
    axes.xaxis.set_major_formatter(FuncFormatter(compact))
    axes.set_title("score")
    axes.set_xlabel("KL, nats per answer (large mark: the last step)")
    legend(figure)
    return figure
