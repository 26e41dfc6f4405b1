"""Which weights an optimizer moves and how: the groups are named here, in one place.

Matrices of the hidden layers decay, and are Muon's where it is chosen. Embeddings, the output layer, norms and biases
are always AdamW's; norms and biases do not decay.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.stages.pretrain.muon import Muon
from pipeline.training.parts import by_kind

Kind = Literal["matrices", "embeddings", "vectors"]


@dataclass
class ParameterGroups:
    """A model's trainable weights by what they are."""

    matrices: list[Tensor] = field(default_factory=list)
    """Two-dimensional weights of hidden layers."""
    embeddings: list[Tensor] = field(default_factory=list)
    """Tables that tokens and positions are looked up in, and the output layer."""
    vectors: list[Tensor] = field(default_factory=list)
    """Scales and biases."""


def parameter_groups(model: nn.Module) -> ParameterGroups:
    """Every trainable weight of `model`, each once."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    output = getattr(model, "get_output_embeddings", lambda: None)()
    if output is not None:
        tables.add(id(output.weight))
    groups = ParameterGroups()
    for weights in model.parameters():
        if not weights.requires_grad:
            continue
        if id(weights) in tables:
            groups.embeddings.append(weights)
        elif weights.ndim >= 2:
            groups.matrices.append(weights)
        else:
            groups.vectors.append(weights)
    return groups


def make_optimizers(model: nn.Module, train: PretrainTrain) -> list[Optimizer]:
    """The optimizers of `model`'s weights, each group with its highest learning rate as `initial_lr`."""
    groups = parameter_groups(model)
    adamw = [
        {"params": groups.embeddings, "weight_decay": train.weight_decay},
        {"params": groups.vectors, "weight_decay": 0.0},
    ]
    optimizers: list[Optimizer] = []
    if train.optimizer == "muon":
        optimizers.append(Muon(groups.matrices, train.muon_learning_rate, train.muon_momentum, train.weight_decay))
    else:
        adamw.insert(0, {"params": groups.matrices, "weight_decay": train.weight_decay})
    optimizers.append(
        torch.optim.AdamW(
            [{**group, "params": kind} for group in adamw for kind in by_kind(group["params"])],
            lr=train.learning_rate,
            betas=(train.adam_beta1, train.adam_beta2),
            eps=train.adam_epsilon,
            fused=True,
        )
    )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def scale_learning_rates(optimizers: list[Optimizer], factor: float) -> None:
    """Set every group's learning rate to `factor` of its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
