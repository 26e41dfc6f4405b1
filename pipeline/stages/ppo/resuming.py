"""Write the trainer's state now and then, and bring a new trainer to the newest state that is complete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.core.artifact import read_json, write_json
from pipeline.stages.ppo.weights import load_weights, save_weights
from pipeline.training.checkpoints import (
    checkpoint_folder,
    keep_newest,
    mark_complete,
    resumed_from,
)
from pipeline.training.engine import load_sharded, save_sharded
from pipeline.training.strategy import strategy

if TYPE_CHECKING:
    from pipeline.core.stage import StageContext
    from pipeline.stages.ppo.learner import Learner
    from pipeline.stages.ppo.trainer import Trainer

STATE = "state.json"
"""Counters and statistics, beside the weights and the optimizers."""


def write_checkpoint(trainer: Trainer, figures: dict[str, Any], context: StageContext) -> None:
    """The state after the last update, with its figures; every process calls it."""
    folder = checkpoint_folder(context.work)
    checkpoint = folder / f"checkpoint-{trainer.update}"
    checkpoint.mkdir(parents=True, exist_ok=True)
    save_state(trainer, checkpoint, figures)
    mark_complete(checkpoint, context.processes)
    if context.processes.is_main:
        keep_newest(folder)


def resume(trainer: Trainer, context: StageContext) -> dict[str, Any]:
    """Bring the trainer to the newest complete checkpoint, if there is one; the figures of its last update."""
    newest = resumed_from(context)
    figures: dict[str, Any] = {}
    if newest is not None:
        figures = load_state(trainer, newest)
    return figures


def save_state(trainer: Trainer, folder: Path, figures: Mapping[str, Any]) -> None:
    """Write the whole state into `folder`, with the figures of the last update; every process calls it."""
    if strategy().shards:
        for name, learner in trainer.learners():
            save_sharded(folder, learner.network, [learner.optimizer], name)
    if not trainer.accelerator.is_main_process:
        return
    if not strategy().shards:
        for name, learner, network in _parts(trainer):
            save_weights(network, trainer.trained[name], folder / f"{name}.safetensors")
            if learner is not None:
                torch.save(learner.optimizer.state_dict(), folder / f"{name}_optimizer.pt")
    counters = {"update": trainer.update, "tokens": trainer.tokens, "kl_coefficient": trainer.kl_coefficient}
    statistics = {"score_moments": trainer.score_moments.tolist()}
    write_json(folder / STATE, {**counters, **statistics, "figures": dict(figures)})


def load_state(trainer: Trainer, folder: Path) -> dict[str, Any]:
    """Go on from what `save_state` wrote; the figures of the last update. Every process calls it."""
    if strategy().shards:
        for name, learner in trainer.learners():
            load_sharded(folder, learner.network, [learner.optimizer], name)
    else:
        for name, learner, network in _parts(trainer):
            load_weights(network, trainer.trained[name], folder / f"{name}.safetensors")
            if learner is not None:
                state = torch.load(folder / f"{name}_optimizer.pt", map_location="cpu", weights_only=True)
                learner.optimizer.load_state_dict(state)
    state = read_json(folder / STATE)
    trainer.update, trainer.tokens, trainer.kl_coefficient = state["update"], state["tokens"], state["kl_coefficient"]
    moments, device = state["score_moments"], trainer.accelerator.device
    trainer.score_moments = torch.tensor(moments, dtype=torch.float64, device=device)
    return state["figures"]


def _parts(trainer: Trainer) -> list[tuple[str, Learner | None, torch.nn.Module]]:
    """What is kept where every process has all weights; a head's optimizer is the policy's."""
    own = trainer.critic.head if trainer.shared else trainer.critic
    return [("policy", trainer.policy_learner, trainer.policy), ("critic", trainer.critic_learner, own)]
