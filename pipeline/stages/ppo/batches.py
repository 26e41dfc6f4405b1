"""Which answers are in a minibatch, and what the losses need of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pipeline.stages.ppo.layout import Layout


@dataclass(frozen=True)
class Part:
    """What the losses need of the response tokens of one forward pass; tensors are (n,)."""

    log_probs: Tensor
    """Under the policy before this update."""
    values: Tensor
    """By the critic before this update."""
    advantages: Tensor
    returns: Tensor
    mask: Tensor
    ref_log_probs: Tensor
    answers: Tensor
    """The number of the answer that each token belongs to."""
    kl_weight: Tensor | None
    entropy_weight: Tensor | None
    """As the batch's."""


@dataclass(frozen=True)
class Batch:
    """What the losses need of this process's answers. Tensors are (batch, length), zero outside the mask."""

    prompts: Sequence[Sequence[int]]
    tokens: Tensor
    mask: Tensor
    log_probs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    ref_log_probs: Tensor
    kl_weight: Tensor | None
    """What a nat of KL costs in the loss, in units of the advantages; None where it is charged in the reward."""
    entropy_weight: Tensor | None
    """What a nat of entropy earns there; None where it earns nothing."""
    layouts: Sequence[Layout]
    """How all answers go through a network."""

    def lengths(self) -> list[int]:
        """Tokens of each answer."""
        return self.mask.long().sum(dim=1).tolist()

    def part(self, layout: Layout) -> Part:
        """The response tokens of a layout, in its order."""
        tensors = (self.log_probs, self.values, self.advantages, self.returns, self.mask, self.ref_log_probs)
        taken = (tensor.reshape(-1)[layout.places] for tensor in tensors)
        answers = layout.places // self.tokens.shape[1]
        return Part(*taken, answers=answers, kl_weight=self.kl_weight, entropy_weight=self.entropy_weight)


def minibatch_rows(count: int, minibatches: int, first: int, seed: Sequence[int]) -> list[list[int]]:
    """Share rows `first` to `first + count` of a global batch among minibatches, at random by `seed`.

    Rows are given back counted from `first`.

    In each group of `minibatches` successive rows, every row goes to another minibatch. So a minibatch holds the same
    rows of the global batch for any number of processes, and as many from each. Both `count` and `first` are multiples
    of `minibatches`.
    """
    assert count % minibatches == 0 and first % minibatches == 0, (count, first, minibatches)
    groups = (first + count) // minibatches
    places = np.random.default_rng(list(seed)).random((groups, minibatches)).argsort(axis=1)[first // minibatches :]
    offsets = np.arange(0, count, minibatches)
    return [(offsets + places[:, minibatch]).tolist() for minibatch in range(minibatches)]
