"""The rows of `evaluation.json`: one figure of one model, with its standard error and what it is read against."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.data.estimates import Estimate


@dataclass(frozen=True)
class Figure:
    """One figure."""

    model: str
    """The model's address in the recipe."""
    task: str
    """perplexity, a task's name, or answers."""
    group: str
    """Part of the task: documents with a floor, a task's group, the judge; `all` for the whole."""
    metric: str
    estimate: Estimate
    baseline: float | None = None
    """What the value is read against: the text's own entropy, or the better of chance and the most frequent answer."""

    def row(self) -> dict[str, Any]:
        """As JSON: model, task, group, metric, baseline, value, standard_error, n."""
        row = asdict(self)
        return {**{key: value for key, value in row.items() if key != "estimate"}, **row["estimate"]}


@dataclass(frozen=True)
class Win:
    """How often a model's answer beats another's to the same prompt, ties counted half."""

    model: str
    against: str
    judge: str
    estimate: Estimate
    ties: int

    def row(self) -> dict[str, Any]:
        """As JSON: model, against, judge, win_rate, standard_error, ties, n."""
        return {
            "model": self.model,
            "against": self.against,
            "judge": self.judge,
            "win_rate": self.estimate.value,
            "standard_error": self.estimate.standard_error,
            "ties": self.ties,
            "n": self.estimate.n,
        }
