"""Causal self-attention with grouped queries; the kernel is transformers' to choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration import DecoderConfig
from .feed_forward import ResidualOutput
from .norms import norm
from .positions import POSITION_ENCODINGS, Placed


def eager_attention(
    module: Attention,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    softcap: float | None = None,
    position_bias: Tensor | None = None,
    **_kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Attention as written (https://arxiv.org/abs/1706.03762, eq. 1).

    Queries are (batch, heads, length, head_dim), keys and values have `num_key_value_heads` heads; the mask is boolean
    (true: attend) or additive. Scores are kept within `softcap` (https://arxiv.org/abs/2408.00118, section 2) before
    `position_bias` (batch, heads, length, keys) is added. Returns states (batch, length, heads, head_dim) and
    probabilities.
    """
    key = key.repeat_interleave(module.num_key_value_groups, dim=1)
    value = value.repeat_interleave(module.num_key_value_groups, dim=1)
    scores = query @ key.transpose(2, 3) * scaling
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if position_bias is not None:
        scores = scores + position_bias
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    elif attention_mask is not None:
        scores = scores + attention_mask
    probabilities = scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32)).to(query.dtype)
    probabilities = nn.functional.dropout(probabilities, dropout, training=module.training)
    return (probabilities @ value).transpose(1, 2).contiguous(), probabilities


class ValueEmbedding(nn.Embedding):
    """What each token adds to its values in one layer, so that the residual stream need not carry it up there.

    After https://arxiv.org/abs/2410.17897 (eq. 3: the first layer's values), with a table of each layer's own as in
    https://github.com/KellerJordan/modded-nanogpt.
    """


class Attention(nn.Module):
    """Self-attention of one layer, under the names that Qwen3's checkpoints and parallel plans use."""

    is_causal = True

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        """Projections; with `qk_norm` one norm for all queries' heads and one for all keys'.

        With `value_embeddings` a table of what each token adds to its values.
        """
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads
        self.scaling = config.head_dim**-0.5
        self.attention_dropout = config.attention_dropout
        self.sliding_window = config.sliding_window
        self.softcap = config.attn_logit_softcapping
        self.rotate = POSITION_ENCODINGS[config.position_encoding].rotate
        queries_width = config.num_attention_heads * config.head_dim
        keys_width = config.num_key_value_heads * config.head_dim
        bias = config.attention_bias
        self.q_proj = nn.Linear(config.hidden_size, queries_width, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, keys_width, bias=bias)
        self.v_proj = nn.Linear(config.hidden_size, keys_width, bias=bias)
        self.o_proj = ResidualOutput(queries_width, config.hidden_size, bias=bias)
        self.value_embedding = ValueEmbedding(config.vocab_size, keys_width) if config.value_embeddings else None
        self.q_norm = norm(config, config.head_dim) if config.qk_norm else nn.Identity()
        self.k_norm = norm(config, config.head_dim) if config.qk_norm else nn.Identity()

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None,
        placed: Placed,
        past_key_values: Cache | None,
        token_ids: Tensor | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """States (batch, length, hidden) to the same, and the probabilities where the kernel gives them."""
        by_head = (*hidden_states.shape[:-1], -1, self.head_dim)
        queries = self.q_norm(self.q_proj(hidden_states).view(by_head)).transpose(1, 2)
        keys = self.k_norm(self.k_proj(hidden_states).view(by_head)).transpose(1, 2)
        values = self.v_proj(hidden_states)
        if self.value_embedding is not None:
            values = values + self.value_embedding(token_ids)
        values = values.view(by_head).transpose(1, 2)
        queries, keys = self.rotate(queries, keys, placed.angles)
        if past_key_values is not None:
            keys, values = past_key_values.update(keys, values, self.layer_idx)
        states, probabilities = self._kernel()(
            self,
            queries,
            keys,
            values,
            attention_mask,
            scaling=self.scaling,
            dropout=self.attention_dropout if self.training else 0.0,
            **self._variants(placed),
            **kwargs,
        )
        return self.o_proj(states.reshape(*hidden_states.shape[:-1], -1)), probabilities

    def _kernel(self) -> Callable[..., tuple[Tensor, Tensor | None]]:
        name = self.config._attn_implementation or "eager"
        if name == "sdpa" and self.softcap is not None:  # which torch's fused kernels do not know
            return eager_attention
        return ALL_ATTENTION_FUNCTIONS.get_interface(name, eager_attention)

    def _variants(self, placed: Placed) -> dict[str, Any]:
        """What departs from plain causal attention, in the kernels' words; nothing where nothing does."""
        variants = {"softcap": self.softcap, "position_bias": placed.bias, "sliding_window": self.sliding_window}
        return {name: value for name, value in variants.items() if value is not None}
