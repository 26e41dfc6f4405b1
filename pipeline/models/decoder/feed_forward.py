"""The feed-forward network of a layer, gated or plain."""

from __future__ import annotations

from torch import Tensor, nn
from transformers.activations import ACT2FN

from .configuration import DecoderConfig


class ResidualOutput(nn.Linear):
    """A projection whose result is added to the residual stream; some initialisations treat it apart."""


class FeedForward(nn.Module):
    """Two projections with an activation between (https://arxiv.org/abs/1706.03762, eq. 2, any activation)."""

    def __init__(self, config: DecoderConfig) -> None:
        """Up to `intermediate_size` and back."""
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = ResidualOutput(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.activation = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: Tensor) -> Tensor:
        """States (batch, length, hidden) to the same."""
        return self.down_proj(self.activation(self.up_proj(hidden_states)))


class GatedFeedForward(FeedForward):
    """The same, multiplied by an activated gate: SwiGLU when `hidden_act` is silu (https://arxiv.org/abs/2002.05202)."""

    def __init__(self, config: DecoderConfig) -> None:
        """A third projection for the gate."""
        super().__init__(config)
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)

    def forward(self, hidden_states: Tensor) -> Tensor:
        """States (batch, length, hidden) to the same."""
        return self.down_proj(self.activation(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))


def feed_forward(config: DecoderConfig) -> FeedForward:
    """The network that `config` names."""
    return GatedFeedForward(config) if config.mlp_gated else FeedForward(config)
