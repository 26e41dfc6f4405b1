"""The precision that a stage computes in: bf16 where the device is faster with it, else fp32."""

from __future__ import annotations

import torch

from pipeline.core.stage import Runtime
from pipeline.models.sizes import DecoderSizes
from pipeline.training.layer_probe import layer_seconds
from pipeline.training.measured import kept
from pipeline.training.memory import cpu_has_bf16

_SECONDS = 0.5
_TURNS = 4
_WORTH = 0.95
"""bf16 must take this share of fp32's time at most: a gain that is only noise is none."""


def choose_precision(runtime: Runtime, threads: int, sizes: DecoderSizes, rows: int, length: int) -> str:
    """bf16 where the device has units for it: without them it is slower than fp32 (1.8 times in training, on a CPU).

    A CPU that has them is tried on `rows` rows of `length` tokens, once for a machine and a shape. Long rows of a
    narrow model take .8 of fp32's time, short ones 1.2: there the casts cost more than the products save.
    """
    if runtime.precision != "auto":
        return runtime.precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if not cpu_has_bf16():
        return "fp32"
    length = -(-length // 16) * 16  # lengths that are nearly alike are tried once
    shape = f"{rows} rows of {length} tokens of {sizes.hidden_size} by {sizes.intermediate_size}"
    return kept(f"precision of {threads} threads for {shape}", lambda: _faster(threads, sizes, rows, length))


def _faster(threads: int, sizes: DecoderSizes, rows: int, length: int) -> str:
    """By the fastest pass of each; they take turns, since others may use the machine."""
    fastest = {"fp32": float("inf"), "bf16": float("inf")}
    for _ in range(_TURNS):
        for precision, before in fastest.items():
            taken = layer_seconds(sizes, rows, length, threads=threads, precision=precision, budget=_SECONDS / _TURNS)
            fastest[precision] = min(before, *taken)
    return "bf16" if fastest["bf16"] < _WORTH * fastest["fp32"] else "fp32"
