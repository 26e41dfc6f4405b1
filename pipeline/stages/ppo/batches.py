"""Which answers are in a minibatch, which go through a network together, and the tensors of a part of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pipeline.models.batching import length_groups


@dataclass(frozen=True)
class Batch:
    """What the losses need of this process's answers. Tensors are (batch, length), zero outside the mask."""

    prompts: Sequence[Sequence[int]]
    tokens: Tensor
    mask: Tensor
    log_probs: Tensor
    """Under the policy before this update."""
    values: Tensor
    """By the critic before this update."""
    advantages: Tensor
    returns: Tensor

    def lengths(self) -> list[int]:
        """Tokens of each answer."""
        return self.mask.long().sum(dim=1).tolist()

    def rows(self, rows: Sequence[int]) -> Batch:
        """These rows alone, cut to the longest of them."""
        rows = list(rows)
        width = int(self.mask[rows].long().sum(dim=1).max())
        tensors = (self.tokens, self.mask, self.log_probs, self.values, self.advantages, self.returns)
        return Batch([self.prompts[row] for row in rows], *(tensor[rows, :width] for tensor in tensors))


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


def micro_batches(prompt_lengths: Sequence[int], lengths: Sequence[int], micro_batch_tokens: int) -> list[list[int]]:
    """Rows in groups of similar length, each of at most `micro_batch_tokens` tokens with padding, or of one row.

    A row is its prompt and its answer but for the last token, which predicts nothing.
    """
    widths = [prompt + length - 1 for prompt, length in zip(prompt_lengths, lengths, strict=True)]
    return length_groups(widths, micro_batch_tokens)
