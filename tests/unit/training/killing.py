"""Stop a stage in the middle, run it again, and compare with one that was never stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.progress import Progress
from pipeline.core.stage import Outcome, StageContext
from pipeline.training.metrics import OF_THE_MACHINE, read_rows
from tests.unit.stages.tiny import make_context


class Killed(Exception):  # noqa: N818
    """Stands for kill -9."""


class KillingProgress(Progress):
    """Ends the process after a step's work is done and before anything of it is written."""

    def __init__(self, step: int) -> None:
        super().__init__("killing", quiet=True)
        self.step = step

    def update(self, done: float, total: float | None, unit: str = "step", **figures: float) -> None:
        if done == self.step:
            raise Killed


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in OF_THE_MACHINE}
        for row in read_rows(folder / "metrics.jsonl")
    ]


def assert_resumes_exactly(run: Callable[[StageContext], Outcome], folder: Path, kill_at: int, kept: int) -> None:
    """`run` killed at step `kill_at` and run again ends like one never killed; it goes on from step `kept`."""
    whole = run(make_context(folder / "whole"))
    context = make_context(folder / "killed")
    with pytest.raises(Killed):
        run(replace(context, progress=KillingProgress(kill_at)))
    checkpoints = context.work / "checkpoints"
    assert (checkpoints / f"checkpoint-{kept}").exists()
    half_written = checkpoints / "checkpoint-99"
    half_written.mkdir()
    (half_written / "model.safetensors").write_text("cut off")
    resumed = run(context)
    same = "model.safetensors"
    assert (folder / "whole" / same).read_bytes() == (folder / "killed" / same).read_bytes()
    assert lines(folder / "whole") == lines(folder / "killed")
    assert whole.metrics == resumed.metrics
    for samples in (folder / "whole").glob("samples.jsonl"):
        assert samples.read_text() == (folder / "killed" / samples.name).read_text()
    assert not half_written.exists()
