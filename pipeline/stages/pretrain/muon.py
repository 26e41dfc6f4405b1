"""Muon (https://kellerjordan.github.io/posts/muon/): momentum whose matrices are orthogonalised before each step.

All matrices of a shape are orthogonalised in one batched product. The step is scaled as in
https://arxiv.org/abs/2502.16982 (eq. 4), so that its size is that of AdamW's and one learning rate and one weight decay
serve both.

Of a matrix that is sharded each process keeps its part of the momentum. The parts are put together for the
orthogonalisation alone, which every process does for itself.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from pipeline.training.memory import cpu_has_bf16
from pipeline.training.parts import all_parts, own_part, part_of

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic that drives singular values towards one."""
ITERATIONS = 5
_ADAMW_SIZE = 0.2
"""The root mean square of AdamW's steps, which Muon's are scaled to."""


class Muon(Optimizer):
    """For weight matrices of hidden layers; embeddings, heads, norms and biases are AdamW's."""

    def __init__(
        self, params: Iterable[Any], learning_rate: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        """Parameters of two dimensions, or groups of them."""
        super().__init__(params, {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step along the orthogonalised Nesterov momentum of every gradient."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            by_shape: defaultdict[torch.Size, list[Tensor]] = defaultdict(list)
            for weights in group["params"]:
                if weights.grad is not None:
                    by_shape[weights.shape].append(weights)
            for weights in by_shape.values():
                self._step_together(weights, [weight.grad for weight in weights if weight.grad is not None], group)
        return loss

    def _step_together(self, weights: list[Tensor], gradients: list[Tensor], group: dict[str, Any]) -> None:
        buffers = [own_part(self._buffer(weight)) for weight in weights]
        slopes = [own_part(gradient) for gradient in gradients]
        momentum = group["momentum"]
        torch._foreach_lerp_(buffers, slopes, 1 - momentum)
        moving = torch._foreach_lerp(slopes, buffers, momentum)
        stacked = torch.stack([all_parts(part, weight) for part, weight in zip(moving, weights, strict=True)])
        directions = orthogonalized(stacked, torch.bfloat16 if has_bf16(stacked) else torch.float32)
        steps = [part_of(direction, weight) for direction, weight in zip(directions, weights, strict=True)]
        scale = _ADAMW_SIZE * math.sqrt(max(weights[0].shape))
        own = [own_part(weight) for weight in weights]
        torch._foreach_mul_(own, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(own, steps, alpha=-group["lr"] * scale)

    def _buffer(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        return state["momentum_buffer"]


def has_bf16(weights: Tensor) -> bool:
    """Whether the device multiplies bf16 faster than fp32: GPUs do, and processors with units for it."""
    return weights.is_cuda or cpu_has_bf16()


def orthogonalized(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Matrices (count, rows, columns) with all singular values near one and the same singular vectors.

    Newton-Schulz: X <- aX + b(XX')X + c(XX')^2 X, begun with singular values of at most one, on the shorter side; in
    `dtype`, and the iteration bears bf16.
    """
    a, b, c = COEFFICIENTS
    turned = matrices.shape[-2] > matrices.shape[-1]
    states = matrices.mT if turned else matrices
    states = states.to(dtype)
    states = states / (states.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        products = states @ states.mT
        mixed = torch.baddbmm(products, products, products, beta=b, alpha=c)
        states = torch.baddbmm(states, mixed, states, beta=a)
    return (states.mT if turned else states).to(matrices.dtype)
