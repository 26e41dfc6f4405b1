"""Backward passes, optimizer steps and their checkpoints for the loops that are our own, under every strategy.

DeepSpeed does all of it by an engine around a network and its one optimizer. Accelerate would drive a single engine and
step it at once; here each network has its own, and the caller says when gradients are complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pipeline.training.accelerator import clip_gradients, in_its_precision, require_sharded
from pipeline.training.parts import PARTS, load_parts, save_parts
from pipeline.training.strategy import strategy

if TYPE_CHECKING:
    from accelerate import Accelerator


def engine_of(network: nn.Module, optimizer: Optimizer, limit: float, accelerator: Any) -> Any:
    """DeepSpeed's engine, called like `network`; it clips gradients to a norm of `limit`.

    Computed as under data parallelism: weights in fp32, passes by autocast where the precision is bf16.
    """
    import deepspeed  # pyright: ignore[reportMissingImports]

    network.forward = in_its_precision(network.forward, accelerator)
    settings = {
        "train_micro_batch_size_per_gpu": 1,  # must be there, and is not used
        "managed_gradient_accumulation": False,  # passes add up until `step` is called
        "gradient_clipping": limit if limit < float("inf") else 0.0,
        "zero_optimization": accelerator.state.deepspeed_plugin.deepspeed_config["zero_optimization"],
    }
    engine, *_ = deepspeed.initialize(model=network, optimizer=optimizer, config=settings, dist_init_required=False)
    require_sharded(engine)
    return engine


def backward(network: Any, loss: Tensor, accelerator: Accelerator) -> None:
    """Add the gradient of `loss` to those of `network`."""
    if strategy().is_deepspeed:
        network.backward(loss)
    else:
        accelerator.backward(loss)


def take_step(
    network: Any, optimizers: Sequence[Any], trained: Iterable[nn.Parameter], limit: float, accelerator: Accelerator
) -> Tensor:
    """Clip the gradient of the `trained` weights to a norm of `limit` and step; the norm before."""
    if strategy().is_deepspeed:
        network.step()
        return torch.as_tensor(network.get_global_grad_norm(), device=accelerator.device)
    norm = clip_gradients(trained, limit)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return norm


def save_sharded(folder: Path, network: Any, optimizers: Sequence[Optimizer], name: str = PARTS) -> None:
    """Write what this process holds of weights and moments; every process calls it."""
    if strategy().is_deepspeed:
        network.save_checkpoint(folder / name, tag=name, save_latest=False)
    else:
        save_parts(folder, network, optimizers, name)


def load_sharded(folder: Path, network: Any, optimizers: Sequence[Optimizer], name: str = PARTS) -> None:
    """Go on from what `save_sharded` wrote; every process calls it."""
    if strategy().is_deepspeed:
        network.load_checkpoint(folder / name, tag=name)
    else:
        load_parts(folder, network, optimizers, name)
