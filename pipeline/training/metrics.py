"""`metrics.jsonl`: one line for each logged step, the same lines whether or not the training was stopped in between."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pipeline.core.errors import StageError
from pipeline.core.stage import StageContext
from pipeline.training.trackers import Trackers

METRICS = "metrics.jsonl"
WARNING = "warning"
"""The column for what a stage found wrong while it trained; only in rows that were the first to show it."""
OF_THE_MACHINE = (
    "seconds", "tokens_per_second", "mfu", "memory_bytes",
    "sampling_seconds", "reading_seconds", "scoring_seconds", "update_seconds",
)  # fmt: skip
"""Columns that tell how fast and in how much memory; all others are the same whenever the same thing is trained."""
_LEFT_OUT = ("epoch", "num_tokens", "logits/chosen", "logits/rejected", "mean_token_accuracy")
"""Logged by the libraries: our single epoch; trl's count of tokens, which starts anew when training resumes; what says
nothing of a pair."""
_OURS = {
    "rewards/accuracies": "accuracy", "rewards/margins": "margin", "rewards/chosen": "chosen_reward",
    "rewards/rejected": "rejected_reward", "logps/chosen": "chosen_log_probs", "logps/rejected": "rejected_log_probs",
}  # fmt: skip
"""trl's other names."""


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add one line."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The whole lines of `path`; a line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def truncate_rows(path: Path, step: int) -> None:
    """Forget what was logged after `step`: training goes on from there."""
    rows = [row for row in read_rows(path) if row["step"] <= step]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    temporary.replace(path)


class RowLog:
    """Where a training's rows go: to `metrics.jsonl`, and from there to the trackers. Rank 0 alone writes."""

    def __init__(self, context: StageContext) -> None:
        """Nothing is written yet."""
        self.context = context
        self.path = context.output / METRICS
        self._trackers: Trackers | None = None

    def begin(self, step: int) -> None:
        """Training starts after `step`: forget what was logged later."""
        if self.context.processes.is_main:
            had = max((row["step"] for row in read_rows(self.path)), default=-1)
            truncate_rows(self.path, step)
            self._trackers = Trackers(self.context, read_rows(self.path), had)

    def append(self, row: dict[str, Any]) -> None:
        """One row more."""
        if self.context.processes.is_main:
            assert self._trackers is not None, "begin comes first"
            append_row(self.path, row)
            self._trackers.log(row)

    def end(self) -> None:
        """There are no more rows."""
        if self._trackers is not None:
            self._trackers.finish()


class Metrics(TrainerCallback):
    """Writes a trainer's logs to `metrics.jsonl` and moves the progress line."""

    def __init__(self, context: StageContext, tokens_at: Callable[[int], int]) -> None:
        """`tokens_at(step)`: tokens of the first `step` global batches, padding not counted."""
        self.context, self.tokens_at = context, tokens_at
        self.rows = RowLog(context)
        self.loss = math.nan
        self._started = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Cut the file back to the step that training resumes from."""
        self._started = time.monotonic()
        self.rows.begin(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any) -> None:
        """Move the progress line."""
        progress = self.context.progress
        if math.isnan(self.loss):
            progress.update(state.global_step, state.max_steps)
        else:
            progress.update(state.global_step, state.max_steps, loss=self.loss)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **others: Any,
    ) -> None:
        """Write one line.

        Raises:
            StageError: if the loss is no longer a number; on every process, since the logged loss is shared.
        """
        if "loss" not in logs:  # the summary after the last step
            return
        self.loss = logs["loss"]
        if not math.isfinite(self.loss):
            raise StageError(f"step {state.global_step}: the loss is {self.loss}; lower train.learning_rate, "
                             "lengthen train.warmup_steps or lower train.max_grad_norm")  # fmt: skip
        clock = round(time.monotonic() - self._started, 3)
        figures = {_OURS.get(name, name): value for name, value in logs.items() if name not in _LEFT_OUT}
        tokens = self.tokens_at(state.global_step)
        self.rows.append({"step": state.global_step, "tokens": tokens, **figures, "seconds": clock})

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **others: Any
    ) -> None:
        """Close the trackers."""
        self.rows.end()
