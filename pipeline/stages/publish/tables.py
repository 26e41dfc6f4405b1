"""The tables of a card: figures by model, win rates, a stage's metrics, a training course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.hub.markdown import table

Row = Mapping[str, Any]


def number(value: float) -> str:
    """A figure with four significant digits, counts in full; rounding noise about zero is zero."""
    if isinstance(value, int):
        return f"{value:,}"
    return "0" if abs(value) < 1e-6 else f"{value:.4g}"


def with_error(row: Row, value: str = "value") -> str:
    """A figure and its standard error, never on two lines."""
    error = row["standard_error"]
    return (
        number(row[value]) if error is None else f"{number(row[value])}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{error:.2g}"
    )


def figure_table(figures: Sequence[Row], models: Sequence[str]) -> str:
    """The figures of one task: a line for each group and metric, a column for each model, what it is read against, n.

    A column that would be empty is left out.
    """
    lines: dict[tuple[str, str], dict[str, Row]] = {}
    for figure in figures:
        lines.setdefault((figure["group"], figure["metric"]), {})[figure["model"]] = figure
    header = ["group", "figure", *models, "baseline, floor", "n"]
    rows = []
    for (group, metric), by_model in lines.items():
        cells = [with_error(by_model[model]) if model in by_model else "" for model in models]
        any_one = next(iter(by_model.values()))
        baseline = "" if any_one["baseline"] is None else number(any_one["baseline"])
        rows.append(
            [group, metric.replace("_", " "), *cells, baseline, _counts([row["n"] for row in by_model.values()])]
        )
    kept = [place for place in range(len(header)) if any(row[place] for row in rows)]
    return table([header[place] for place in kept], [[row[place] for place in kept] for row in rows])


def _counts(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def win_table(wins: Sequence[Row]) -> str:
    """How often answers were preferred."""
    rows = [
        [win["model"], win["against"], win["judge"], with_error(win, "win_rate"), str(win["ties"]), str(win["n"])]
        for win in wins
    ]
    return table(["model", "against", "judge", "win rate", "ties", "n"], rows)


def metric_table(metrics: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Those of a stage's figures that have a name here, one a line, with the standard error where there is one."""
    known = [key for key in names if _is_number(metrics.get(key))]
    rows = [
        [names[key], with_error({"value": metrics[key], "standard_error": metrics.get(f"{key}_standard_error")})]
        for key in known
    ]
    return table(["figure", "value"], rows)


def course_table(steps: Sequence[Row], columns: Sequence[str], lines: int = 9) -> str:
    """Some `lines` steps of a training course, first and last among them, in those of the `columns` that it has."""
    known = [column for column in columns if column in steps[-1]]
    last = len(steps) - 1
    places = sorted({round(place * last / max(lines - 1, 1)) for place in range(lines)})
    rows = [[number(steps[place].get(column, float("nan"))) for column in known] for place in places]
    return table([column.replace("_", " ") for column in known], rows)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
