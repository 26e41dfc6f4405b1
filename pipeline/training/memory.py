"""How much memory a training step takes, by closed formula, and the micro-batch that fits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_STATE_BYTES = 16
"""Of a parameter: weight, gradient and AdamW's two moments, fp32."""
_LAYER_VALUES = 34
"""Activations kept for the backward pass, in units of hidden_size per token and layer (https://arxiv.org/abs/2205.05198)."""
_LOGIT_VALUES = 4
"""Copies of the logits alive at once: logits, their fp32 copy, their softmax and its gradient."""
_SHARE = 0.5
"""Of the free memory that a step may fill; the rest is left to others."""


@dataclass(frozen=True)
class ModelShape:
    """What of a model and its rows decides memory."""

    parameters: int
    layers: int
    hidden_size: int
    vocab_size: int
    row_length: int
    """Tokens of the longest row."""
    attention: str = "sdpa"


def shape_of(model: PreTrainedModel, row_length: int) -> ModelShape:
    """The shape of `model` trained on rows of up to `row_length` tokens."""
    config = model.config.get_text_config()
    return ModelShape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        vocab_size=config.vocab_size,
        row_length=row_length,
        attention=model.config._attn_implementation or "eager",
    )


def step_bytes(shape: ModelShape, micro_batch: int) -> int:
    """Memory of a training step without recomputation, fp32."""
    per_token = shape.layers * shape.hidden_size * _LAYER_VALUES + shape.vocab_size * _LOGIT_VALUES
    return shape.parameters * _STATE_BYTES + micro_batch * shape.row_length * per_token * 4


def free_bytes() -> int:
    """Memory that is free on the device of this process."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    share = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // share


def largest_micro_batch(shape: ModelShape, per_process: int) -> int:
    """The largest divisor of `per_process` sequences whose step fits; 1 if none does.

    A divisor rather than a power of two: 48 short rows in one pass cost less than three passes of 16.
    """
    limit = free_bytes() * _SHARE
    fitting = (
        size for size in range(per_process, 1, -1) if per_process % size == 0 and step_bytes(shape, size) <= limit
    )
    return next(fitting, 1)
