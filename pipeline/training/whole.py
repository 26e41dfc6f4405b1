"""A model with all its weights on one process, made from one whose weights are shared out among several.

What is measured, sampled and saved is read from it: processes that hold parts would have to take every step of that
together. Under data parallelism and ZeRO-2 the model is whole already.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from pipeline.training.strategy import strategy

Module = TypeVar("Module", bound=nn.Module)


class Whole:
    """Makes whole copies of a module that is sharded later; what stands in two of its places still does."""

    def __init__(self, module: nn.Module) -> None:
        """Keep the structure of `module`, which is not sharded yet, and none of its weights."""
        self._empty: Any = None
        if strategy().shards_weights:
            self._empty = with_weights(module, lambda name, weights: weights.detach().to("meta"))
            for part in self._empty.modules():  # trl's and accelerate's, which call the module that they were made for
                part.__dict__.pop("forward", None)

    def of(self, module: Module) -> Module:
        """A copy of `module` with the weights that it has now, in evaluation mode; itself where it is whole.

        Every process calls it.
        """
        if self._empty is None:
            return module
        sharded = dict(module.named_parameters())
        whole = with_weights(self._empty, lambda name, _: gathered(sharded[name]))
        return whole.to(next(whole.parameters()).device).eval()


def with_weights(module: Any, weights: Callable[[str, Tensor], Tensor]) -> Any:
    """A copy of `module` with other weights, made from the name and the value of its own, which are not copied."""
    memo: dict[int, Any] = {
        id(own): nn.Parameter(weights(name, own), own.requires_grad) for name, own in module.named_parameters()
    }
    return copy.deepcopy(module, memo)


@torch.no_grad()
def gathered(weights: Tensor) -> Tensor:
    """All of a tensor of which this process holds a part; a copy. Every process calls it."""
    if isinstance(weights, DTensor):
        return weights.full_tensor().clone()
    if hasattr(weights, "ds_id"):  # ZeRO-3's
        import deepspeed  # pyright: ignore[reportMissingImports]

        with deepspeed.zero.GatheredParameters([weights]):
            return weights.clone()
    return weights.clone()


def is_sharded(module: nn.Module) -> bool:
    """Whether this process holds only a part of some weights."""
    return any(isinstance(weights, DTensor) or hasattr(weights, "ds_id") for weights in module.parameters())
