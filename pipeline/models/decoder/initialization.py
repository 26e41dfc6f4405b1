"""How fresh weights are drawn, by name.

Each scheme draws the weights of linear layers; embeddings are normal, biases zero and norms one in all of them.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from transformers import initialization as draw

from .attention import ValueEmbedding
from .configuration import DecoderConfig
from .feed_forward import ResidualOutput

Scheme = Callable[[nn.Linear, DecoderConfig], None]


def normal(layer: nn.Linear, config: DecoderConfig) -> None:
    """Normal of standard deviation `initializer_range`."""
    draw.normal_(layer.weight, std=config.initializer_range)


def gpt2(layer: nn.Linear, config: DecoderConfig) -> None:
    """Normal; what is added to the residual stream is scaled by 1/sqrt(number of additions) (GPT-2, section 2.3)."""
    additions = 2 * config.num_hidden_layers
    scale = additions**-0.5 if isinstance(layer, ResidualOutput) else 1.0
    draw.normal_(layer.weight, std=config.initializer_range * scale)


def zero_residual(layer: nn.Linear, config: DecoderConfig) -> None:
    """Normal, with what is added to the residual stream zero, so that every layer starts as the identity."""
    if isinstance(layer, ResidualOutput):
        draw.zeros_(layer.weight)
    else:
        normal(layer, config)


def xavier_uniform(layer: nn.Linear, config: DecoderConfig) -> None:
    """Uniform of variance 2/(fan in + fan out) (Glorot and Bengio 2010, eq. 16)."""
    draw.xavier_uniform_(layer.weight)


def xavier_normal(layer: nn.Linear, config: DecoderConfig) -> None:
    """Normal of variance 2/(fan in + fan out) (Glorot and Bengio 2010, eq. 12)."""
    draw.xavier_normal_(layer.weight)


def kaiming_uniform(layer: nn.Linear, config: DecoderConfig) -> None:
    """Uniform of variance 2/(fan in) (https://arxiv.org/abs/1502.01852, eq. 10)."""
    draw.kaiming_uniform_(layer.weight, nonlinearity="relu")


def kaiming_normal(layer: nn.Linear, config: DecoderConfig) -> None:
    """Normal of variance 2/(fan in) (https://arxiv.org/abs/1502.01852, eq. 10)."""
    draw.kaiming_normal_(layer.weight, nonlinearity="relu")


INITIALIZATIONS: dict[str, Scheme] = {
    "normal": normal,
    "gpt2": gpt2,
    "zero_residual": zero_residual,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "kaiming_uniform": kaiming_uniform,
    "kaiming_normal": kaiming_normal,
}


def initialize(module: nn.Module, config: DecoderConfig) -> None:
    """Draw the weights of one linear layer or embedding as `config.initialization` says."""
    if isinstance(module, nn.Linear):
        INITIALIZATIONS[config.initialization](module, config)
        if module.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            draw.zeros_(module.bias)
    elif isinstance(module, ValueEmbedding):  # as large as what the projection of a normalised state gives
        draw.normal_(module.weight, std=config.initializer_range * config.hidden_size**0.5)
    elif isinstance(module, nn.Embedding):
        draw.normal_(module.weight, std=config.initializer_range)
