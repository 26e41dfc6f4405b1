"""How text becomes rows, by the names of `train.packing`: which tokens make a row, in which order rows are read, and
what a model is given of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pipeline.stages.pretrain.config import Config
from pipeline.stages.pretrain.packing import PackedBatch, Packing, pack
from pipeline.stages.pretrain.token_store import TokenStore
from pipeline.stages.pretrain.windows import WindowBatch, WindowOrder, window_count, windows
from pipeline.training.length import steps_of
from pipeline.training.order import EpochOrder
from pipeline.training.rows import RowPlan

Collate = Callable[[list[list[np.ndarray]]], dict[str, Tensor]]


@dataclass(frozen=True)
class Arrangement:
    """One way to make rows."""

    arrange: Callable[[Config, TokenStore, int], tuple[Packing, RowPlan]]
    """The rows of a store, and their order for a whole training with a seed."""
    collate: Callable[[int, int], Collate]
    """What makes a batch of rows, for a context length and a padding id."""


def _best_fit(config: Config, store: TokenStore, seed: int) -> tuple[Packing, RowPlan]:
    packing = pack(store, config.decoder.max_position_embeddings)
    lengths = packing.row_lengths
    steps = steps_of(config.train, len(lengths), float(lengths.mean()))
    order = EpochOrder(len(lengths), config.train.global_batch_size, steps, seed)
    return packing, RowPlan(lengths, order, np.full_like(lengths, config.decoder.max_position_embeddings))


def _windows(config: Config, store: TokenStore, seed: int) -> tuple[Packing, RowPlan]:
    context_length, batch_size = config.decoder.max_position_embeddings, config.train.global_batch_size
    count = window_count(int(store.starts[-1]), context_length)
    steps = steps_of(config.train, count, context_length)
    packing = windows(store, context_length, math.ceil(steps / (count // batch_size)), seed)
    lengths = np.full(len(packing.starts), context_length)
    return packing, RowPlan(lengths, WindowOrder(count, batch_size, steps, seed), lengths)


ARRANGEMENTS: dict[str, Arrangement] = {
    "best_fit": Arrangement(_best_fit, PackedBatch),
    "windows": Arrangement(_windows, lambda context_length, pad_id: WindowBatch()),
}


def arranged(config: Config, store: TokenStore, seed: int) -> tuple[Packing, RowPlan]:
    """The documents in rows, and the rows in order, as the recipe asks for it."""
    return ARRANGEMENTS[config.train.packing].arrange(config, store, seed)
