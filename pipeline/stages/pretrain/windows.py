"""Windows of the token stream, wherever they fall: documents are cut, and attention crosses from one into the next.

As nanoGPT reads its text (https://github.com/karpathy/nanoGPT, `get_batch`), but without replacement: each epoch cuts
the stream anew, from another first token on, so that every epoch reads nearly all tokens once and no two the same rows.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pipeline.core.errors import StageError
from pipeline.stages.pretrain.packing import NO_LOSS, Packing
from pipeline.stages.pretrain.token_store import TokenStore
from pipeline.training.order import EpochOrder


def window_count(tokens: int, context_length: int) -> int:
    """Windows of an epoch: as many as the stream has wherever the first of them starts.

    Raises:
        StageError: if the stream is shorter than one.
    """
    if tokens <= context_length:
        raise StageError(
            f"{tokens} tokens of text are fewer than a window of {context_length} and the token after it; "
            "bring more text or lower decoder.max_position_embeddings"
        )
    return max(1, (tokens - context_length) // context_length)


def windows(store: TokenStore, context_length: int, epochs: int, seed: int) -> Packing:
    """The windows of `epochs` epochs, one after the other: each a row of one stretch, with the token after it.

    A window is `context_length` tokens that are read; of each the next is predicted, so that a stretch has one more.
    """
    tokens = int(store.starts[-1])
    count = window_count(tokens, context_length)
    spare = tokens - 1 - count * context_length
    firsts = np.random.Generator(np.random.Philox(key=seed)).integers(0, spare + 1, size=epochs)
    starts = (firsts[:, None] + np.arange(count) * context_length).ravel()
    return Packing(starts, np.full(len(starts), context_length + 1), np.arange(len(starts) + 1))


class WindowOrder(EpochOrder):
    """The windows of each epoch in an order of their own; those of epoch e are numbered from e times their count."""

    def __getitem__(self, step: int) -> np.ndarray:
        """The windows of one global batch, int64 (global_batch_size,)."""
        return super().__getitem__(step) + step // (self.rows // self.batch_size) * self.rows


class WindowBatch:
    """Collates windows: ids (batch, context_length) and labels, which are one longer: the last id is only predicted."""

    def __call__(self, rows: list[list[np.ndarray]]) -> dict[str, Tensor]:
        """The batch of `rows`: no positions that start anew, so no mask between documents."""
        read = torch.from_numpy(np.stack([window for (window,) in rows]).astype(np.int64))
        labels = read.clone()
        labels[:, 0] = NO_LOSS  # nothing comes before it
        return {"input_ids": read[:, :-1].contiguous(), "labels": labels}
