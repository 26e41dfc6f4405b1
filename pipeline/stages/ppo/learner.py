"""A network with its optimizer, made ready for the launch's strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pipeline.training.accelerator import shard
from pipeline.training.engine import engine_of
from pipeline.training.parts import by_kind
from pipeline.training.strategy import strategy

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pipeline.stages.ppo.config import Config, OptimizerConfig
    from pipeline.stages.ppo.weights import Weights


@dataclass
class Learner:
    """A network with its optimizer."""

    network: nn.Module
    optimizer: Any
    trained: Sequence[nn.Parameter]
    """The weights of the network that it changes."""

    def set_learning_rate(self, learning_rate: float) -> None:
        """The learning rate of the next step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate


def make_learner(
    network: nn.Module, trained: Weights, all_trained: Weights, config: Config, accelerator: Accelerator
) -> Learner:
    """A learner of the weights `trained`, among `all_trained` of a policy and a critic that may share a model."""
    if strategy().is_deepspeed:
        optimizer, limit = adam(trained, config.optimizer), config.update.max_grad_norm or float("inf")
        return Learner(engine_of(network, optimizer, limit, accelerator), optimizer, trained)
    if strategy().shards:
        network = shard(network, accelerator)
        trained = list(network.parameters())
        return Learner(network, adam(trained, config.optimizer), trained)
    # Data parallelism expects gradients of what asks for them now: of two adapters on one model, of one.
    own = set(map(id, trained))
    for weights in all_trained:
        weights.requires_grad_(id(weights) in own)
    network, optimizer = accelerator.prepare(network, adam(trained, config.optimizer))
    for weights in all_trained:
        weights.requires_grad_(True)
    return Learner(network, optimizer, trained)


def adam(weights: Weights, config: OptimizerConfig) -> torch.optim.Optimizer:
    """AdamW without weight decay; its learning rate is set at every update."""
    groups = [{"params": kind} for kind in by_kind(weights)]
    betas = (config.adam_beta1, config.adam_beta2)
    return torch.optim.AdamW(groups, betas=betas, eps=config.adam_epsilon, weight_decay=0.0, fused=True)
