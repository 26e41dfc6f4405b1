"""The order of rows for a whole training, decided from the seed alone, and how a trainer is made to keep it.

Every epoch is a keyed permutation of the rows (a Feistel network over their indices: no memory, any place on demand).
The last partial batch of an epoch is dropped. Processes share the global batches, so their number changes no batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler

_ROUNDS = 6
_AT_ONCE = 256
"""Batches whose rows are found out together: one by one, that takes longer than reading them."""


def permuted(places: np.ndarray, size: int, seed: int, epoch: int) -> np.ndarray:
    """The rows at `places` of the permutation of 0 to `size` that (seed, epoch) names; int64, the shape of `places`."""
    half_bits = max(3, (int(size - 1).bit_length() + 1) // 2)
    keys = np.random.Philox(key=[seed % 2**64, epoch]).random_raw(_ROUNDS)
    rows = places.astype(np.uint64)
    pending = np.ones(rows.shape, dtype=bool)
    while pending.any():  # a network over a power of two, walked until it lands inside: still one to one
        rows[pending] = _feistel(rows[pending], half_bits, keys)
        pending = rows >= size
    return rows.astype(np.int64)


def _feistel(rows: np.ndarray, half_bits: int, keys: np.ndarray) -> np.ndarray:
    low = np.uint64(2**half_bits - 1)
    left, right = rows >> np.uint64(half_bits), rows & low
    for key in keys:
        left, right = right, left ^ (_mixed(right + key) & low)
    return (left << np.uint64(half_bits)) | right


def _mixed(value: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64 (https://doi.org/10.1145/2714064.2660195)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


class EpochOrder:
    """Rows by epochs: batch `step` is `order[step]`, global_batch_size row indices."""

    def __init__(self, rows: int, batch_size: int, steps: int, seed: int) -> None:
        """An order of `steps` batches over `rows` rows."""
        self.rows, self.batch_size, self.steps, self.seed = rows, batch_size, steps, seed
        self._block: tuple[int, int, np.ndarray] = (-1, -1, np.empty((0, batch_size)))
        """Epoch and place of the batches that were found out last, and their rows."""

    def __len__(self) -> int:
        """The number of steps."""
        return self.steps

    def __getitem__(self, step: int) -> np.ndarray:
        """The rows of one global batch, int64 (global_batch_size,)."""
        if not 0 <= step < self.steps:
            raise IndexError(step)
        in_epoch = self.rows // self.batch_size
        epoch, batch = divmod(step, in_epoch)
        block, place = divmod(batch, _AT_ONCE)
        if self._block[:2] != (epoch, block):
            last = min((block + 1) * _AT_ONCE, in_epoch)
            places = np.arange(block * _AT_ONCE * self.batch_size, last * self.batch_size)
            found = permuted(places, self.rows, self.seed, epoch)
            self._block = epoch, block, found.reshape(-1, self.batch_size)
        return self._block[2][place]


Order = EpochOrder | list[np.ndarray]
"""Row indices of every global batch, by step."""


class OrderSampler(Sampler[int]):
    """Row indices, one global batch after the other; accelerate deals them out to the processes by micro-batches."""

    def __init__(self, order: Order) -> None:
        """Read in this order."""
        self.order = order

    def __len__(self) -> int:
        """The number of row indices of the whole training."""
        return len(self.order) * len(self.order[0])

    def __iter__(self) -> Iterator[int]:
        """Every row index of the whole training; the trainer sees one single epoch."""
        for step in range(len(self.order)):
            yield from self.order[step].tolist()


class OrderedRows:
    """Mixin for a transformers Trainer: rows are read in `row_order`, which is set after construction.

    Overrides `_get_train_sampler` for that, and two methods whose work is not wanted: `floating_point_ops` and
    `create_model_card`.
    """

    row_order: Order

    def _get_train_sampler(self, train_dataset: Any = None) -> OrderSampler:
        return OrderSampler(self.row_order)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Nothing: counting the parameters anew at every step takes a fortieth of a small model's step."""
        return 0

    def create_model_card(self, *arguments: Any, **named: Any) -> None:
        """Nothing: trl writes a card beside each checkpoint, and checkpoints are scratch."""
