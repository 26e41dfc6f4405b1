"""How one tensor holds the projections for queries, keys and values, where an architecture keeps them in one."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Fused(Protocol):
    """A way to lay three projections out in one tensor, whose first dimension is their outputs."""

    def split(self, fused: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values."""
        ...

    def join(self, parts: list[Tensor], heads: int) -> Tensor:
        """The three in one."""
        ...


class InThirds:
    """All queries, then all keys, then all values (GPT-2, MPT)."""

    def split(self, fused: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values."""
        queries, keys, values = fused.chunk(3, dim=0)
        return queries, keys, values

    def join(self, parts: list[Tensor], heads: int) -> Tensor:
        """The three in one."""
        return torch.cat(parts, dim=0)


class ByHead:
    """Each head's query, key and value side by side (BLOOM)."""

    def split(self, fused: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values."""
        queries, keys, values = fused.unflatten(0, (heads, 3, -1)).unbind(1)
        return queries.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1)

    def join(self, parts: list[Tensor], heads: int) -> Tensor:
        """The three in one."""
        return torch.stack([part.unflatten(0, (heads, -1)) for part in parts], dim=1).flatten(0, 2)
