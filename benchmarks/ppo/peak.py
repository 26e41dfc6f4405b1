"""How fast one thread multiplies matrices, and how much multiplying an update of PPO needs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from transformers import LlamaConfig

SIDE = 512
"""Three such matrices lie in the cache; larger products are no faster."""


def peak_flops(seconds: float = 0.1) -> float:
    """FLOPs per CPU second of fp32 matrix products, measured now."""
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    out = left @ right
    products, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        torch.mm(left, right, out=out)
        products += 1
    return products * 2 * SIDE**3 / (time.process_time() - started)


def update_flops(rows: Sequence[tuple[int, int]], sizes: LlamaConfig) -> float:
    """FLOPs of one pass of training over policy and critic, for rows of (prompt's, answer's) tokens without padding.

    A multiplication with its addition counts as two, a backward pass as two forward passes. The last token of a row is
    not read. Attention is counted below the diagonal alone, the policy's head at the answer's tokens alone.
    """
    width, inner = sizes.hidden_size, sizes.intermediate_size
    layer = 4 * width * width + 3 * width * inner
    flops = 0.0
    for prompt, answer in rows:
        read = prompt + answer - 1
        attention = 2 * width * read * (read + 1)
        trunk = sizes.num_hidden_layers * (2 * layer * read + attention)
        flops += 3 * (2 * trunk + 2 * width * sizes.vocab_size * answer)
    return flops
