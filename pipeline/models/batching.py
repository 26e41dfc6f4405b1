"""Rows of token ids as tensors: grouped by length, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def length_groups(lengths: Sequence[int], max_tokens: int | None) -> list[list[int]]:
    """Indices of rows in groups of similar length, each of at most `max_tokens` with padding, or of a single row.

    The longest come first, so that memory that suffices once suffices. One group in the given order for None.
    """
    if max_tokens is None:
        return [list(range(len(lengths)))]
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= max_tokens:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def right_padded(rows: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """Rows as one tensor (batch, longest), int64."""
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows])
