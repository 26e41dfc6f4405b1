"""The memory of a step of trl's DPOTrainer, by closed formula. Imports no torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.training.memory import ModelShape, step_bytes

TILE_TOKENS, TILE_WIDTH = 4096, 32768
"""trl computes log-probabilities tile by tile, each of so many tokens and entries of the vocabulary; a tile is as wide
even where the vocabulary is not."""


def pair_step_bytes(shape: ModelShape, micro_batch: int, *, precision: str = "fp32", **how: Any) -> int:
    """As `step_bytes`, with one tile in place of the logits of all tokens."""
    tile = min(micro_batch * shape.row_length, TILE_TOKENS) * TILE_WIDTH * (2 if precision == "bf16" else 4)
    beside = replace(shape, logits_per_row=0, beside=shape.beside + tile)
    return step_bytes(beside, micro_batch, precision=precision, **how)
