"""The few figures that stand for an evaluation: in the manifest, in the closing table, in the checks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.stages.evaluate.figures import Figure, Win

MARGIN = 0.2
"""By how much a group's share of right answers must exceed its baseline to count as learned."""


def summary(figures: Sequence[Figure], wins: Sequence[Win]) -> dict[str, Any]:
    """Metrics by name, model, and what else tells them apart.

    `bits_per_byte` and its like by model; `groups_learned` by model and task, `exact_match` also by group; `answers` by
    model and quality; `score`, `score_gain_at_matched_length` and `win_rate` by model and judge.
    """
    metrics: dict[str, Any] = {"groups_learned": groups_learned(figures)}
    for figure in figures:
        *path, last = _place(figure)
        branch = metrics
        for key in path:
            branch = branch.setdefault(key, {})
        branch[last] = figure.estimate.value
    for win in wins:
        metrics.setdefault("win_rate", {}).setdefault(win.model, {})[win.judge] = win.estimate.value
    return metrics


def _place(figure: Figure) -> tuple[str, ...]:
    if figure.task == "answers":
        return (
            ("answers", figure.model, figure.metric)
            if figure.group == "all"
            else (figure.metric, figure.model, figure.group)
        )
    if figure.task == "perplexity":
        return figure.metric if figure.group == "all" else f"{figure.metric}_{figure.group}", figure.model
    return figure.metric, figure.model, figure.task, figure.group


def groups_learned(figures: Sequence[Figure]) -> dict[str, dict[str, str]]:
    """For each model and task, how many of the groups with a baseline exceed it by `MARGIN`: `5 of 8`."""
    tallies: dict[tuple[str, str], list[bool]] = {}
    for figure in figures:
        if figure.metric == "exact_match" and figure.baseline is not None:
            learned = figure.estimate.value >= figure.baseline + MARGIN
            tallies.setdefault((figure.model, figure.task), []).append(learned)
    counts: dict[str, dict[str, str]] = {}
    for (model, task), learned in tallies.items():
        counts.setdefault(model, {})[task] = f"{sum(learned)} of {len(learned)}"
    return counts


def headline(model: str, metrics: dict[str, Any]) -> str:
    """The last model's result in some 60 characters; its wins are those by the first judge."""
    parts = [f"wins {rate:.2f}" for rate in metrics.get("win_rate", {}).get(model, {}).values()][:1]
    parts += [f"{count} {task}" for task, count in metrics["groups_learned"].get(model, {}).items()]
    if "bits_per_byte" in metrics:
        parts.append(f"{metrics['bits_per_byte'][model]:.3f} bits per byte")
    return f"{model}: " + (", ".join(parts) or "samples only")
