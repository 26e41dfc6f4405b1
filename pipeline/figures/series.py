"""The numbers behind a line: what is finite, fewer points with every peak kept, a running mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_POINTS = 400
_WINDOWS = 30

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One quantity over the course of a training."""

    label: str
    x: np.ndarray
    y: np.ndarray
    error: np.ndarray | None = None
    """Standard errors of `y`, drawn as a band."""


@dataclass(frozen=True)
class Level:
    """One value that a course is read against: a floor, a baseline, a held-out figure."""

    label: str
    value: float


def course_axis(rows: Sequence[Row]) -> str:
    """What a course is drawn against: tokens where every row counts them, else steps."""
    return "tokens" if all(is_number(row.get("tokens")) for row in rows) else "step"


def line_of(rows: Sequence[Row], column: str, label: str = "", axis: str | None = None) -> Line | None:
    """A column of `metrics.jsonl`, with its `COLUMN_error` if there is one; None for fewer than two points."""
    axis = axis or course_axis(rows)
    known = [row for row in rows if is_number(row.get(column)) and is_number(row.get(axis))]
    if len(known) < 2:
        return None
    errors = [row.get(f"{column}_error") for row in known]
    return Line(
        label or column.replace("_", " "),
        np.array([row[axis] for row in known], dtype=float),
        np.array([row[column] for row in known], dtype=float),
        np.array(errors, dtype=float) if all(map(is_number, errors)) else None,
    )


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number, which can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def thinned(values: np.ndarray, most: int = MOST_POINTS) -> np.ndarray:
    """Places of at most `most` of the values: first, last, and the lowest and highest of each of equally long parts.

    Every peak of the whole line is among them, as a line drawn in a few hundred pixels needs no more.
    """
    if len(values) <= most:
        return np.arange(len(values))
    parts = np.array_split(np.arange(1, len(values) - 1), (most - 2) // 2)
    places = {0, len(values) - 1}
    for part in parts:
        places |= {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
    return np.array(sorted(places))


def running_mean(values: np.ndarray) -> np.ndarray:
    """The mean of each value and those around it, over a thirtieth of the line; shorter towards the ends."""
    half = len(values) // (2 * _WINDOWS)
    totals = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    reach = np.minimum(half, np.minimum(places, len(values) - 1 - places))
    return (totals[places + reach + 1] - totals[places - reach]) / (2 * reach + 1)
