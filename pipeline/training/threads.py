"""How many CPU threads a process computes with: found out in a second, by one layer of the model's width.

Threads that wait for each other should sleep rather than spin (`OMP_WAIT_POLICY=passive`, which the command sets before
torch starts): on a machine that others use too, spinning threads take 8 to 30 times as long.
"""

from __future__ import annotations

import os
from statistics import median

import torch

from pipeline.core.stage import Runtime
from pipeline.models.sizes import DecoderSizes
from pipeline.training.layer_probe import TOKENS, layer_seconds
from pipeline.training.measured import kept

_SECONDS = 1.0
_WORTH = 0.8
"""Twice the threads must take this share of the time at most: a gain that is only noise is none."""


def choose_threads(runtime: Runtime, sizes: DecoderSizes, tokens: int, world_size: int) -> int:
    """Threads of each process for passes over `tokens` tokens; 0 on a GPU, where torch's own number will do.

    Found out once for a machine and a width, so that two runs of one recipe compute alike. At most the cores that each
    process has to itself, and what `OMP_NUM_THREADS` says.
    """
    if runtime.threads != "auto":
        return runtime.threads
    if torch.cuda.is_available():
        return 0
    most = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", world_size))
    asked = os.environ.get("OMP_NUM_THREADS", "")
    most = min(most, int(asked)) if asked.isdecimal() else most
    if most < 2:
        return 1
    tokens = min(tokens, TOKENS)
    name = f"threads of {most} for {tokens} tokens of {sizes.hidden_size} by {sizes.intermediate_size}"
    return kept(name, lambda: probed_threads(most, sizes, tokens))


def probed_threads(most: int, sizes: DecoderSizes, tokens: int) -> int:
    """Of 1, 2, 4 and so on up to `most`: the last that is clearly faster than the one before."""
    counts = [2**power for power in range(most.bit_length())]
    best, fastest = 1, float("inf")
    for count in counts:
        taken = _seconds_with(count, sizes, tokens, _SECONDS / len(counts))
        if taken > _WORTH * fastest:
            break
        best, fastest = count, taken
    return best


def _seconds_with(threads: int, sizes: DecoderSizes, tokens: int, budget: float) -> float:
    """The median time of a layer; what slows some of its passes down counts, too."""
    length = min(tokens, sizes.max_position_embeddings)
    rows = max(1, tokens // length)
    return median(layer_seconds(sizes, rows, length, threads=threads, precision="fp32", budget=budget))
