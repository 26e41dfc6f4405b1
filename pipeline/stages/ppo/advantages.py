"""How much better each token was than expected. Tensors in, tensors out.

All tensors are (batch, length), `mask` 1 on response tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gae(rewards: Tensor, values: Tensor, mask: Tensor, discount: float, gae_lambda: float) -> Tensor:
    """Generalized advantage estimation (https://arxiv.org/abs/1506.02438, eq. 16).

    `values[:, t]` is the value before token t is chosen. The value after the last response token is zero: an episode
    ends with its response. Zero past the end.
    """
    values = values * mask
    advantage = torch.zeros_like(rewards[:, 0])
    next_value = torch.zeros_like(rewards[:, 0])
    steps = []
    for t in reversed(range(rewards.shape[1])):
        error = rewards[:, t] + discount * next_value - values[:, t]
        advantage = (error + discount * gae_lambda * advantage) * mask[:, t]
        next_value = values[:, t]
        steps.append(advantage)
    return torch.stack(steps[::-1], dim=1)


def masked_moments(values: Tensor, mask: Tensor) -> Tensor:
    """Count, sum and sum of squares of the values under the mask, in float64; (3,). Moments of parts may be added."""
    kept = values.double() * mask
    return torch.stack([mask.double().sum(), kept.sum(), (kept * kept).sum()])


def whiten(values: Tensor, mask: Tensor, moments: Tensor) -> Tensor:
    """The values brought to mean 0 and variance 1 by `moments`, perhaps of a larger whole; zero outside the mask."""
    mean = moments[1] / moments[0]
    return ((values - mean) * whitening_scale(moments) * mask).to(values.dtype)


def whitening_scale(moments: Tensor) -> Tensor:
    """What `whiten` multiplies by: one over the standard deviation; a scalar."""
    count, total, squares = moments
    mean = total / count
    variance = (squares / count - mean * mean).clamp(min=0)
    return torch.rsqrt(variance + 1e-8)
