"""Checkpoints that are complete or absent: marked when every process has written, chosen only when marked.

What a checkpoint holds is the caller's matter. `Checkpoints` does it for transformers' trainers, which write
`checkpoint-STEP` folders in place and take the highest number, whatever is inside.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from pathlib import Path
from typing import Any, Literal

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.core.artifact import CHECKPOINTS, read_json, sync_directory, write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import Processes, StageContext
from pipeline.training.strategy import strategy

MARK = "complete.json"
_SECONDS, _BYTES_PER_SECOND, _SHARE = 30.0, 100e6, 0.05
_MEASURED_STEPS = 10


def checkpoint_folder(work: Path) -> Path:
    """Where the checkpoints of a stage lie."""
    return work / CHECKPOINTS


def mark_complete(checkpoint: Path, processes: Processes) -> None:
    """Called by every process once it has written its part: flush all files to disk, then mark the folder complete."""
    processes.barrier()
    if processes.is_main:
        for path in sorted(checkpoint.rglob("*")):
            _flush(path)
        sync_directory(checkpoint)
        write_json(checkpoint / MARK, {"step": step_of(checkpoint), "strategy": strategy().name})
        sync_directory(checkpoint.parent)


def newest_complete(folder: Path) -> Path | None:
    """The complete `checkpoint-STEP` of the highest step in `folder`, if there is one."""
    complete = [path.parent for path in folder.glob(f"checkpoint-*/{MARK}")]
    return max(complete, key=step_of, default=None)


def discard_incomplete(folder: Path) -> None:
    """Remove what a killed process left half written. Called by one process, before the others read the folder."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not (checkpoint / MARK).exists():
            shutil.rmtree(checkpoint)


def resumed_from(context: StageContext) -> Path | None:
    """The stage's newest complete checkpoint, if there is one; the same on every process, which all call it.

    Raises:
        StageError: if it was written under another strategy, whose files this launch cannot read.
    """
    newest = None
    if context.processes.is_main:
        folder = checkpoint_folder(context.work)
        discard_incomplete(folder)
        newest = newest_complete(folder)
    newest = context.processes.broadcast(newest)
    if newest is not None:
        _require_same_strategy(newest)
        context.progress.note(f"goes on from {newest.name}")
    return newest


def _require_same_strategy(checkpoint: Path) -> None:
    before = read_json(checkpoint / MARK).get("strategy", "ddp")
    if before != strategy().name:
        raise StageError(f"{checkpoint.name} was written under {before} and the launch is for {strategy().name}: start "
                         f"by the accelerate config of {before} to go on from it, or `--rerun` the stage")  # fmt: skip


def keep_newest(folder: Path, kept: int = 2) -> None:
    """Remove all complete checkpoints but the newest."""
    complete = sorted((path.parent for path in folder.glob(f"checkpoint-*/{MARK}")), key=step_of)
    for checkpoint in complete[:-kept]:
        # The mark goes first: a kill in between leaves an incomplete checkpoint, not a damaged one.
        (checkpoint / MARK).unlink()
        shutil.rmtree(checkpoint)


def step_of(checkpoint: Path) -> int:
    """The step in a checkpoint's name."""
    return int(checkpoint.name.rsplit("-", 1)[1])


def _flush(path: Path) -> None:
    if path.is_dir():
        sync_directory(path)
        return
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class Cadence:
    """When to write a checkpoint: after so many steps, or (`auto`) so many that writing takes little of the time.

    The interval of `auto` is measured by rank 0 and shared, once. It changes no bits: steps are the same without it.
    Checkpoints fall on logging steps only, because a logged loss is a mean since the last log.
    """

    def __init__(self, every: int | Literal["auto"], log_every: int, model_bytes: int, processes: Processes) -> None:
        """`model_bytes`: of the parameters; a checkpoint holds about three times that."""
        self.log_every, self.processes = log_every, processes
        self.seconds = max(_SECONDS, 3 * model_bytes / _BYTES_PER_SECOND / _SHARE)
        self.interval = None if every == "auto" else self._aligned(every)
        self._steps = 0
        self._started = 0.0

    def due(self, step: int) -> bool:
        """Whether to write one after `step`. Called by every process after each step."""
        self._steps += 1
        if self._steps == 2:
            self._started = time.monotonic()  # the first steps of a process are slow
        if self.interval is None and self._steps == 2 + _MEASURED_STEPS:
            per_step = (time.monotonic() - self._started) / _MEASURED_STEPS
            self.interval = self.processes.broadcast(self._aligned(max(1.0, self.seconds / max(per_step, 1e-6))))
        return self.interval is not None and step % self.interval == 0

    def _aligned(self, steps: float) -> int:
        return math.ceil(steps / self.log_every) * self.log_every


class Checkpoints(TrainerCallback):
    """Has a transformers trainer write checkpoints by a cadence and after the last step, and marks them complete."""

    def __init__(self, cadence: Cadence, processes: Processes) -> None:
        """The trainer's own saving is switched off (`save_strategy="no"`)."""
        self.cadence, self.processes = cadence, processes

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Ask for a checkpoint when one is due."""
        due = self.cadence.due(state.global_step)
        control.should_save = due or state.global_step >= state.max_steps

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Mark what the trainer has just written."""
        assert args.output_dir is not None
        mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}", self.processes)
