"""Tensor parallelism by transformers' plans: matrices are cut among processes, which compute the same rows together.

A model is cut when it has its weights, so that fresh, adopted and resized ones go one way. Norms stay whole on every
process, and so do the embeddings of positions and a classifier's scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import torch.distributed as dist
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.distributed import DistributedConfig

from pipeline.core.errors import StageError
from pipeline.training.whole import is_sharded

_SUMMED = "replicated_with_grad_allreduce"
"""The style of whole weights that each process reads for its own heads alone. Transformers sums what has gathered in
`grad` after every pass, and so counts the passes before it once more for each process; here each pass is summed."""


def cut_models(module: nn.Module) -> None:
    """Leave each process its part of the matrices of all models in `module`; every process calls it.

    Raises:
        StageError: for a model that cannot be cut so, or not among so many.
    """
    for model in _models_in(module):
        if not is_sharded(model):  # a trunk that two heads share comes by twice
            require_divisible(model, dist.get_world_size())
            _cut(model)


def _models_in(module: nn.Module) -> Iterator[PreTrainedModel]:
    if isinstance(module, PreTrainedModel):
        yield module
    else:
        for part in module.children():
            yield from _models_in(part)


def require_divisible(model: PreTrainedModel, world_size: int) -> None:
    """Each of `world_size` processes can take its share of `model`.

    Raises:
        StageError: with the numbers of processes that can, or what to use instead.
    """
    if not getattr(model.base_model, "tp_plan", None):
        raise StageError(f"{type(model).__name__} has no plan for tensor parallelism, or none in this shape: start by "
                         "recipes/accelerate/fsdp2.yaml")  # fmt: skip
    config: Any = model.config.get_text_config()
    heads = {name: getattr(config, name, None) for name in ("num_attention_heads", "num_key_value_heads")}
    common = math.gcd(*(count for count in heads.values() if count))
    if common % world_size:
        named = ", ".join(f"{name} {count}" for name, count in heads.items() if count)
        sizes = " or ".join(str(size) for size in range(2, common + 1) if common % size == 0)
        way_on = f"set num_processes and parallelism_config_tp_size to {sizes}, or " if sizes else ""
        raise StageError(f"{named}: cannot be shared by {world_size} processes: {way_on}start by "
                         "recipes/accelerate/fsdp2.yaml")  # fmt: skip


def _cut(model: Any) -> None:
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    tied = getattr(head, "weight", None) is table.weight
    if tied:  # what stands in two places is cut in both
        head.weight = nn.Parameter(head.weight.detach())
    summed = [name for name, style in model.tp_plan.items() if style == _SUMMED]
    plan = dict.fromkeys(summed, "replicate")
    config, _, mesh = model.prepare_distribute_model(DistributedConfig(tp_size=dist.get_world_size(), tp_plan=plan))
    model.maybe_distribute_model(model, config, mesh)
    if tied:
        model.tie_weights()
    for name, part in model.named_modules():
        if any(fnmatchcase(name, pattern) for pattern in summed):
            for weights in part.parameters():
                weights.register_hook(_over_processes)


def _over_processes(gradient: Tensor) -> Tensor:
    total = gradient.clone()
    dist.all_reduce(total)
    return total
