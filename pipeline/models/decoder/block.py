"""One layer of the decoder: attention, then a gated feed-forward network, each normalised before and added after."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import Cache
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import Attention, RMSNorm
from .configuration import DecoderConfig
from .positions import Angles


class GatedMLP(nn.Module):
    """SwiGLU (https://arxiv.org/abs/2002.05202) when `hidden_act` is silu."""

    def __init__(self, config: DecoderConfig) -> None:
        """Three projections without bias."""
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.activation = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: Tensor) -> Tensor:
        """States (batch, length, hidden) to the same."""
        return self.down_proj(self.activation(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))


class DecoderBlock(GradientCheckpointingLayer):
    """One layer. `hidden_states` comes first and by position, as gradient checkpointing needs it."""

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        """Attention and feed-forward network with a norm before each."""
        super().__init__()
        self.self_attn = Attention(config, layer_idx)
        self.mlp = GatedMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        angles: Angles = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """States (batch, length, hidden) to the same."""
        attended, _ = self.self_attn(
            self.input_layernorm(hidden_states), attention_mask, angles, past_key_values, **kwargs
        )
        hidden_states = hidden_states + attended
        return hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))
