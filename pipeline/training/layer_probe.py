"""How long a layer of a model's width takes on this processor: by which threads and precision are chosen."""

from __future__ import annotations

import time

import torch
from torch import nn

from pipeline.models.sizes import DecoderSizes

TOKENS = 4096
"""Of a pass, at most."""
_FEWEST = 3
"""Passes that are timed, at least."""


def layer_seconds(
    sizes: DecoderSizes, rows: int, length: int, *, threads: int, precision: str, budget: float
) -> list[float]:
    """Seconds of each forward and backward pass over `rows` rows of `length` tokens, until `budget` is spent.

    Leaves torch's generator and number of threads as they were.
    """
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(threads)
    heads = next(heads for heads in range(sizes.num_attention_heads, 0, -1) if sizes.hidden_size % heads == 0)
    layer = nn.TransformerEncoderLayer(sizes.hidden_size, heads, sizes.intermediate_size, dropout=0.0, batch_first=True)
    states = torch.ones(max(1, min(rows, TOKENS // length)), length, sizes.hidden_size)

    def both_passes() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            total = layer(states).sum()
        total.backward()

    both_passes()
    taken: list[float] = []
    while len(taken) < _FEWEST or sum(taken) < budget:
        started = time.perf_counter()
        both_passes()
        taken.append(time.perf_counter() - started)
    torch.set_num_threads(before)
    torch.set_rng_state(state)
    return taken
