"""Which rows of several sources make which global batch: drawn by weight, of like length within a batch. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.training.order import permuted

_WINDOW = 50
"""Batches whose rows are sorted by length together: enough for little padding, few enough to stay mixed over time."""


def mixed_order(
    lengths: Sequence[np.ndarray], weights: Sequence[float], batch_size: int, steps: int, seed: int, by_length: bool
) -> list[np.ndarray]:
    """Row indices of each global batch, int64 (batch_size,); a source's rows follow those of the sources before it.

    `lengths` are tokens of each source's rows. A source is read in one permutation after another, so that no row comes
    again before all others have come.
    """
    count = steps * batch_size
    sources = draw_sources(weights, count, seed)
    offsets = np.cumsum([0, *(len(source) for source in lengths)])
    rows = np.empty(count, dtype=np.int64)
    for source, source_lengths in enumerate(lengths):
        places = np.flatnonzero(sources == source)
        rows[places] = offsets[source] + repeated(len(places), len(source_lengths), seed, source)
    if by_length:
        rows = grouped(rows, np.concatenate(lengths), batch_size, seed)
    return list(rows.reshape(steps, batch_size))


def draw_sources(weights: Sequence[float], count: int, seed: int) -> np.ndarray:
    """The source of each of `count` rows: shares within a row of the weights', in random order; int64 (count,)."""
    bounds = np.rint(np.cumsum(weights) / np.sum(weights) * count).astype(np.int64)
    sources = np.searchsorted(bounds, np.arange(count), side="right")
    return sources[permuted(np.arange(count), count, seed, epoch=0)]


def repeated(count: int, size: int, seed: int, source: int) -> np.ndarray:
    """`count` rows of a source of `size` rows, one permutation after another; int64 (count,)."""
    epochs = [permuted(np.arange(size), size, seed, (source + 1) * 2**32 + epoch) for epoch in range(-(-count // size))]
    return np.concatenate(epochs)[:count] if epochs else np.empty(0, dtype=np.int64)


def grouped(rows: np.ndarray, lengths: np.ndarray, batch_size: int, seed: int) -> np.ndarray:
    """`rows` with those of each window sorted by length into batches, and the window's batches in random order."""
    window = _WINDOW * batch_size
    parts = []
    for number, start in enumerate(range(0, len(rows), window)):
        part = rows[start : start + window]
        batches = part[np.argsort(lengths[part], kind="stable")].reshape(-1, batch_size)
        parts.append(batches[permuted(np.arange(len(batches)), len(batches), seed, 2**62 + number)].reshape(-1))
    return np.concatenate(parts)
