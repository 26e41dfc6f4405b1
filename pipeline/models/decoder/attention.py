"""Causal self-attention with grouped queries and normalised queries and keys; the kernel is transformers' to choose."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration import DecoderConfig
from .positions import POSITION_ENCODINGS, Angles


class RMSNorm(nn.Module):
    """Root mean square normalisation (https://arxiv.org/abs/1910.07467) of the last dimension, in fp32."""

    def __init__(self, size: int, eps: float) -> None:
        """Scales of one."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.variance_epsilon = eps

    def forward(self, states: Tensor) -> Tensor:
        """Any shape whose last dimension is `size`, to the same shape and dtype."""
        exact = states.float()
        # A product, not a power: its gradient costs a third less on CPU.
        mean_square = (exact * exact).mean(-1, keepdim=True)
        return self.weight * (exact * torch.rsqrt(mean_square + self.variance_epsilon)).to(states.dtype)


def eager_attention(
    module: Attention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Attention as written (https://arxiv.org/abs/1706.03762, eq. 1).

    Queries are (batch, heads, length, head_dim), keys and values have `num_key_value_heads` heads; the mask is boolean
    (true: attend) or additive. Returns states (batch, length, heads, head_dim) and probabilities.
    """
    key = key.repeat_interleave(module.num_key_value_groups, dim=1)
    value = value.repeat_interleave(module.num_key_value_groups, dim=1)
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    elif attention_mask is not None:
        scores = scores + attention_mask
    probabilities = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    probabilities = nn.functional.dropout(probabilities, dropout, training=module.training)
    return (probabilities @ value).transpose(1, 2).contiguous(), probabilities


class Attention(nn.Module):
    """Self-attention of one layer, under the names that Qwen3's checkpoints and parallel plans use."""

    is_causal = True

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        """Projections without bias, one norm for all queries' heads and one for all keys'."""
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads
        self.scaling = config.head_dim**-0.5
        self.attention_dropout = config.attention_dropout
        self.rotate = POSITION_ENCODINGS[config.position_encoding].rotate
        queries_width = config.num_attention_heads * config.head_dim
        keys_width = config.num_key_value_heads * config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, queries_width, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, keys_width, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, keys_width, bias=False)
        self.o_proj = nn.Linear(queries_width, config.hidden_size, bias=False)
        self.q_norm = RMSNorm(config.head_dim, config.rms_norm_eps)
        self.k_norm = RMSNorm(config.head_dim, config.rms_norm_eps)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None,
        angles: Angles,
        past_key_values: Cache | None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """States (batch, length, hidden) to the same, and the probabilities where the kernel gives them."""
        by_head = (*hidden_states.shape[:-1], -1, self.head_dim)
        queries = self.q_norm(self.q_proj(hidden_states).view(by_head)).transpose(1, 2)
        keys = self.k_norm(self.k_proj(hidden_states).view(by_head)).transpose(1, 2)
        values = self.v_proj(hidden_states).view(by_head).transpose(1, 2)
        queries, keys = self.rotate(queries, keys, angles)
        if past_key_values is not None:
            keys, values = past_key_values.update(keys, values, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation or "eager", eager_attention)
        dropout = self.attention_dropout if self.training else 0.0
        states, probabilities = attend(
            self, queries, keys, values, attention_mask, scaling=self.scaling, dropout=dropout, **kwargs
        )
        return self.o_proj(states.reshape(*hidden_states.shape[:-1], -1)), probabilities
