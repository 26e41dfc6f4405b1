"""Figures of a policy at a few points of its training, in a file of their own: the same rows however often it stops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.core.stage import Processes
from pipeline.training.metrics import append_row, truncate_rows


class CourseLog:
    """Takes the figures before the first step and after some others. Rank 0 alone writes."""

    def __init__(
        self, path: Path, steps: int, points: int, figures: Callable[[], dict[str, Any]], processes: Processes
    ) -> None:
        """`figures()` measures the policy as it is, on every process; `points` of all `steps` are taken at most."""
        self.path, self.figures, self.processes = path, figures, processes
        self.steps = frozenset(max(1, round(steps * point / points)) for point in range(1, points + 1))

    def begin(self, step: int) -> None:
        """Training starts after `step`: forget what comes later."""
        if self.processes.is_main and self.path.exists():
            truncate_rows(self.path, step if step else -1)
        if step == 0:
            self._take(0)

    def after(self, step: int) -> None:
        """`step` is done, and no checkpoint of it is written yet."""
        if step in self.steps:
            self._take(step)

    def _take(self, step: int) -> None:
        row = {"step": step, **self.figures()}
        if self.processes.is_main:
            append_row(self.path, row)
