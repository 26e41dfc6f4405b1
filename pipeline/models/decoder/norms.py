"""The norms of the field, by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .configuration import DecoderConfig


class RMSNorm(nn.Module):
    """Root mean square normalisation (https://arxiv.org/abs/1910.07467) of the last dimension, in fp32 or better."""

    def __init__(self, size: int, eps: float) -> None:
        """Scales of one."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.variance_epsilon = eps

    def forward(self, states: Tensor) -> Tensor:
        """Any shape whose last dimension is `size`, to the same shape and dtype."""
        exact = states.to(torch.promote_types(states.dtype, torch.float32))
        # A product, not a power: its gradient costs a third less on CPU.
        mean_square = (exact * exact).mean(-1, keepdim=True)
        return self.weight * (exact * torch.rsqrt(mean_square + self.variance_epsilon)).to(states.dtype)


def norm(config: DecoderConfig, size: int) -> nn.Module:
    """A norm over `size` features, of the kind that `config` names (LayerNorm: https://arxiv.org/abs/1607.06450)."""
    if config.normalization == "rmsnorm":
        return RMSNorm(size, config.norm_eps)
    return nn.LayerNorm(size, eps=config.norm_eps, bias=config.norm_bias)
