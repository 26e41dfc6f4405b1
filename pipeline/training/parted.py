"""Checkpoints of transformers' trainers under tensor parallelism: each process writes and reads its own parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.training.parts import load_parts, save_parts
from pipeline.training.strategy import strategy

_SCHEDULE = "scheduler.pt"


class PartedCheckpoints:
    """Mixin for a transformers Trainer, which would write rank 0's moments and give them to all processes.

    Overrides the four methods by which a checkpoint's weights and moments are written and read; elsewhere they are
    transformers' own.
    """

    model: Any
    optimizer: Any
    lr_scheduler: Any
    args: Any

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Nothing: the parts are written with the moments."""
        if strategy().name != "tp":
            super().save_model(output_dir, _internal_call)  # pyright: ignore[reportAttributeAccessIssue]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if strategy().name != "tp":
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # pyright: ignore[reportAttributeAccessIssue]

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if strategy().name != "tp":
            super()._save_optimizer_and_scheduler(output_dir)  # pyright: ignore[reportAttributeAccessIssue]
            return
        folder = Path(output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_parts(folder, self.model, [self.optimizer.optimizer])
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), folder / _SCHEDULE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if strategy().name != "tp" or checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)  # pyright: ignore[reportAttributeAccessIssue]
            return
        load_parts(Path(checkpoint), self.model, [self.optimizer.optimizer])
        self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / _SCHEDULE, weights_only=True))
