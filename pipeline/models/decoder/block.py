"""One layer of the decoder: attention, then a feed-forward network, each added to what went in, and their norms."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import Cache
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import Attention
from .configuration import DecoderConfig
from .feed_forward import feed_forward
from .norms import norm
from .positions import Placed


class DecoderBlock(GradientCheckpointingLayer):
    """One layer. `hidden_states` comes first and by position, as gradient checkpointing needs it."""

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        """Attention and feed-forward network; the norms are the subclass's."""
        super().__init__()
        self.self_attn = Attention(config, layer_idx)
        self.mlp = feed_forward(config)
        self.dropout = nn.Dropout(config.hidden_dropout)


class PreNormBlock(DecoderBlock):
    """Normalised before each part, so that the residual stream is a plain sum (https://arxiv.org/abs/2002.04745)."""

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        """A norm before the attention and one before the feed-forward network."""
        super().__init__(config, layer_idx)
        self.input_layernorm = norm(config, config.hidden_size)
        self.post_attention_layernorm = norm(config, config.hidden_size)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None,
        placed: Placed,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """States (batch, length, hidden) to the same."""
        attended, _ = self.self_attn(
            self.input_layernorm(hidden_states), attention_mask, placed, past_key_values, **kwargs
        )
        hidden_states = hidden_states + self.dropout(attended)
        return hidden_states + self.dropout(self.mlp(self.post_attention_layernorm(hidden_states)))


class PostNormBlock(DecoderBlock):
    """Normalised after each sum, as in the first transformer (https://arxiv.org/abs/1706.03762, section 3.1)."""

    def __init__(self, config: DecoderConfig, layer_idx: int) -> None:
        """A norm after the attention and one after the feed-forward network."""
        super().__init__(config, layer_idx)
        self.post_attention_layernorm = norm(config, config.hidden_size)
        self.post_feedforward_layernorm = norm(config, config.hidden_size)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None,
        placed: Placed,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """States (batch, length, hidden) to the same."""
        attended, _ = self.self_attn(hidden_states, attention_mask, placed, past_key_values, **kwargs)
        hidden_states = self.post_attention_layernorm(hidden_states + self.dropout(attended))
        return self.post_feedforward_layernorm(hidden_states + self.dropout(self.mlp(hidden_states)))


BLOCKS: dict[str, type[DecoderBlock]] = {"pre": PreNormBlock, "post": PostNormBlock}
