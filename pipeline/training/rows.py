"""Which rows a training reads, in which order, and how long they are: its steps, tokens and FLOPs, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipeline.models.sizes import DecoderSizes, training_flops

if TYPE_CHECKING:
    from pipeline.training.order import Order


@dataclass(frozen=True)
class RowPlan:
    """The rows of a whole training."""

    lengths: np.ndarray
    """Tokens of each row, padding not counted, int64 (rows,)."""
    order: Order
    """Row indices of each global batch."""
    widths: np.ndarray
    """Columns that each row takes alone, int64 (rows,); rows that go through the model together take the widest's."""
    sequences: int = 1
    """Sequences of one row: two of a pair."""

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return len(self.order)

    @property
    def longest(self) -> int:
        """Columns of the widest row, all its sequences counted."""
        return int(self.widths.max()) * self.sequences

    @property
    def mean_length(self) -> int:
        """Columns of a row on average, all its sequences counted."""
        return max(1, round(float(self.widths.mean()) * self.sequences))

    @cached_property
    def batches(self) -> np.ndarray:
        """Row indices, int64 (steps, global_batch_size)."""
        return np.stack([self.order[step] for step in range(self.steps)])

    @cached_property
    def tokens(self) -> np.ndarray:
        """Tokens of all steps up to each, int64 (steps,)."""
        return np.cumsum(self.lengths[self.batches].sum(axis=1))

    def tokens_at(self, step: int) -> int:
        """Tokens of the first `step` steps."""
        return int(self.tokens[step - 1])

    def flops(self, sizes: DecoderSizes, micro_batch: int, *, frozen: bool = False) -> float:
        """FLOPs of the whole training, padding counted; `frozen` as in `training_flops`."""
        widest = self.widths[self.batches.reshape(-1, micro_batch)].max(axis=1)
        widths, counts = np.unique(widest, return_counts=True)
        sequences = self.sequences * micro_batch
        return sum(
            training_flops(sizes, sequences * width * count, width, frozen=frozen)
            for width, count in zip(widths.tolist(), counts.tolist(), strict=True)
        )
