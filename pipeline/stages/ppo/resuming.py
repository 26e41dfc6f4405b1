"""Write the trainer's state now and then, and bring a new trainer to the newest state that is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.training.checkpoints import (
    checkpoint_folder,
    keep_newest,
    mark_complete,
    resumed_from,
)

if TYPE_CHECKING:
    from pipeline.core.stage import StageContext
    from pipeline.stages.ppo.trainer import Trainer


def write_checkpoint(trainer: Trainer, figures: dict[str, Any], context: StageContext) -> None:
    """The state after the last update, with its figures; every process calls it."""
    folder = checkpoint_folder(context.work)
    checkpoint = folder / f"checkpoint-{trainer.update}"
    checkpoint.mkdir(parents=True, exist_ok=True)
    trainer.save(checkpoint, figures)
    mark_complete(checkpoint, context.processes)
    if context.processes.is_main:
        keep_newest(folder)


def resume(trainer: Trainer, context: StageContext) -> dict[str, Any]:
    """Bring the trainer to the newest complete checkpoint, if there is one; the figures of its last update."""
    newest = resumed_from(context)
    figures: dict[str, Any] = {}
    if newest is not None:
        figures = trainer.load(newest)
    return figures
