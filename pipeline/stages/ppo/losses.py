"""The two losses of PPO as totals and counts, and what is worth knowing about a step. Tensors in, tensors out.

All tensors are (batch, length); `mask` is 1 on response tokens, 0 on padding, and may be any weight between and beyond.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

MAX_LOG_RATIO = 20.0
"""Log-ratios are held within plus or minus this, so that one absurd token gives a large ratio rather than infinity."""


class Loss(NamedTuple):
    """A sum over tokens and their number; sums of parts may be added and divided by the number of the whole."""

    total: Tensor
    count: Tensor


def log_ratio(log_probs: Tensor, old_log_probs: Tensor) -> Tensor:
    """log(new / old probability) of each token, held within `MAX_LOG_RATIO`."""
    return (log_probs - old_log_probs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)


def policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, clip_range: float) -> Loss:
    """Clipped surrogate (https://arxiv.org/abs/1707.06347, eq. 7), summed over response tokens, with their count."""
    ratio = torch.exp(log_ratio(log_probs, old_log_probs))
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    surrogate = torch.minimum(ratio * advantages, clipped * advantages)
    return Loss(total=-(surrogate * mask).sum(), count=mask.sum())


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, clip_range: float | None) -> Loss:
    """Half the squared error to the returns; where clipping makes it larger, that of the clipped value.

    The value is held within `clip_range` of the one at sampling (the value counterpart of the clipped surrogate).
    """
    error = (values - returns).square()
    if clip_range is not None:
        clipped = old_values + (values - old_values).clamp(-clip_range, clip_range)
        error = torch.maximum(error, (clipped - returns).square())
    return Loss(total=0.5 * (error * mask).sum(), count=mask.sum())


def kl_loss(log_probs: Tensor, ref_log_probs: Tensor, mask: Tensor, answers: Tensor) -> Loss:
    """Half the squared log-ratio of each answer to the reference (k2), with the number of its tokens.

    `answers` numbers the answer that a token belongs to. The gradient is that of the KL divergence where the answers
    are the policy's own. A sum of the tokens' own k2 would leave out what a token does to the KL of later ones
    (https://arxiv.org/abs/2506.09477), and k3 (http://joschu.net/blog/kl-approx.html) has another slope altogether.
    """
    differences = (log_probs - ref_log_probs).flatten()
    numbers, weights = answers.flatten(), mask.flatten()
    log_ratios = differences.new_zeros(int(numbers.max()) + 1).index_add(0, numbers, differences * (weights > 0))
    return Loss(total=0.5 * (differences * log_ratios[numbers] * weights).sum(), count=mask.sum())


def clipped_tokens(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, clip_range: float
) -> Tensor:
    """How many tokens the clipping keeps from giving a gradient; a scalar."""
    ratio = torch.exp(log_ratio(log_probs, old_log_probs))
    beyond = torch.where(advantages > 0, ratio > 1 + clip_range, ratio < 1 - clip_range)
    return (beyond * mask).sum()


def old_to_new_kl(log_probs: Tensor, old_log_probs: Tensor, mask: Tensor) -> Tensor:
    """KL(old policy, new policy) by the k3 estimate, ratio - 1 - log ratio, summed over tokens of the old one."""
    difference = log_ratio(log_probs, old_log_probs)
    return ((torch.exp(difference) - 1 - difference) * mask).sum()
