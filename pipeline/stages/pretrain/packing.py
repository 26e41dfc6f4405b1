"""Rows of `context_length` tokens from whole documents, and the batch a model is given of them.

Attention does not cross documents: their positions start anew, no mask is given, and none predicts the next one's first
token. The order of rows is decided by `training.order`; tokenization by the token store.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.models.text_loss import context_pieces
from pipeline.stages.pretrain.token_store import TokenStore

NO_LOSS = -100
"""The label that bears no loss, in every loss of transformers."""


@dataclass(frozen=True)
class Packing:
    """Which stretches of the store make which row."""

    starts: np.ndarray
    """First token of each stretch, rows one after the other, int64 (stretches,)."""
    lengths: np.ndarray
    """Tokens of each stretch, int64 (stretches,)."""
    rows: np.ndarray
    """First stretch of each row, and their number, int64 (rows + 1,)."""

    @cached_property
    def row_lengths(self) -> np.ndarray:
        """Tokens of each row, padding not counted, int64 (rows,)."""
        return np.add.reduceat(self.lengths, self.rows[:-1])


def pack(store: TokenStore, context_length: int) -> Packing:
    """Best fit, longest first: each document into the fullest row that has room. Longer ones are cut into pieces."""
    starts, lengths = _stretches(store, context_length)
    by_length = np.argsort(-lengths, kind="stable")
    row_of = np.empty(len(lengths), dtype=np.int64)
    open_rows: list[list[int]] = [[] for _ in range(context_length + 1)]  # by the room that is left
    rooms = 0  # bit r is set while some row has room r
    rows = 0
    for stretch in by_length.tolist():
        length = int(lengths[stretch])
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            row = open_rows[room].pop()
            rooms &= ~(1 << room) if not open_rows[room] else -1
        else:
            room, row, rows = context_length, rows, rows + 1
        row_of[stretch] = row
        open_rows[room - length].append(row)
        rooms |= 1 << (room - length)
    order = np.argsort(row_of, kind="stable")
    bounds = np.searchsorted(row_of[order], np.arange(rows + 1))
    return Packing(starts[order], lengths[order], bounds)


def _stretches(store: TokenStore, context_length: int) -> tuple[np.ndarray, np.ndarray]:
    starts, lengths = store.starts[:-1], store.lengths
    if lengths.max() <= context_length:
        return starts, lengths
    pieces = [
        (start + first, end - first)
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
        for first, end in context_pieces(length, context_length)
    ]
    return np.array([start for start, _ in pieces]), np.array([length for _, length in pieces])


class PackedRows(Dataset[list[np.ndarray]]):
    """Rows as lists of documents' tokens."""

    def __init__(self, store: TokenStore, packing: Packing) -> None:
        """The rows of `packing`."""
        self.store, self.packing = store, packing

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.packing.rows) - 1

    def __getitem__(self, row: int) -> list[np.ndarray]:
        """The documents of one row, each an array of ids."""
        packing = self.packing
        stretches = range(packing.rows[row], packing.rows[row + 1])
        return [self.store.tokens[packing.starts[i] : packing.starts[i] + packing.lengths[i]] for i in stretches]

    def documents(self, rows: np.ndarray) -> list[int]:
        """Which of the store's documents lie in `rows`, in the rows' order."""
        packing, bounds = self.packing, self.store.starts
        stretches = [slice(packing.rows[row], packing.rows[row + 1]) for row in rows.tolist()]
        starts = np.concatenate([packing.starts[stretch] for stretch in stretches])
        lengths = np.concatenate([packing.lengths[stretch] for stretch in stretches])
        firsts = np.searchsorted(bounds, starts, side="right") - 1
        ends = np.searchsorted(bounds, starts + lengths - 1, side="right")
        return [document for first, end in zip(firsts, ends, strict=True) for document in range(first, end)]

    def loss_tokens(self, rows: np.ndarray) -> int:
        """Tokens of `rows` that bear loss: all but the first of each document, which nothing comes before."""
        first, end = self.packing.rows[rows], self.packing.rows[rows + 1]
        return int(self.packing.row_lengths[rows].sum() - (end - first).sum())


class PackedBatch:
    """Collates rows: ids, positions and labels, each (batch, context_length), and no attention mask."""

    def __init__(self, context_length: int, pad_id: int) -> None:
        """Rows are filled up with `pad_id`, as a document of its own that bears no loss."""
        self.context_length, self.pad_id = context_length, pad_id

    def __call__(self, rows: list[list[np.ndarray]]) -> dict[str, Tensor]:
        """The batch of `rows`."""
        shape = (len(rows), self.context_length)
        input_ids, labels = np.full(shape, self.pad_id, dtype=np.int64), np.full(shape, NO_LOSS, dtype=np.int64)
        position_ids = np.zeros(shape, dtype=np.int64)
        for index, documents in enumerate(rows):
            place = 0
            for document in documents:
                end = place + len(document)
                input_ids[index, place:end] = document
                labels[index, place + 1 : end] = document[1:]
                position_ids[index, place:end] = np.arange(len(document))
                place = end
            position_ids[index, place:] = np.arange(self.context_length - place)
        batch = {"input_ids": input_ids, "position_ids": position_ids, "labels": labels}
        return {name: torch.from_numpy(values) for name, values in batch.items()}
