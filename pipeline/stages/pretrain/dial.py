"""One dial: what `decoder.depth` decides of a decoder and of its training, by published scaling rules. No torch.

Fields that the recipe gives stay as they are, and the rules for the others go by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.core.errors import SettingError
from pipeline.models.sizes import default_head_dim, sizes_of, training_flops

ASPECT = 64
"""Width for each layer. Over a wide range of this ratio the loss depends on the weights' number alone
(https://arxiv.org/abs/2001.08361, section 3.2 and figure 5); with 64 there are as many heads of 64 as layers."""
TOKENS_PER_PARAMETER = 20.0
"""Tokens to train on for each parameter, where compute is to be spent best (https://arxiv.org/abs/2203.15556, table 3
and appendix D.3)."""

Values = dict[str, Any]


def learning_rate(flops: float) -> float:
    """AdamW's best highest learning rate for a training of so many FLOPs, embeddings not counted, to three digits.

    0.3118 C^-0.1250 (https://arxiv.org/abs/2401.02954, equation 1).
    """
    return float(f"{0.3118 * flops**-0.1250:.3g}")


def batch_tokens(flops: float) -> float:
    """The best number of tokens of an optimizer step for a training of so many FLOPs: 0.2920 C^0.3271 (as above)."""
    return 0.2920 * flops**0.3271


def turned(depth: int, decoder: Mapping[str, Any], given: Mapping[str, Any], lengths: tuple[str, ...],
           context_length: int) -> tuple[Values, Values]:  # fmt: skip
    """What the dial adds to the given settings of `decoder` and of training, and nothing to what is there.

    Raises:
        SettingError: if all that it decides is given.
    """
    shape = _missing(decoder, {"num_hidden_layers": depth, "hidden_size": ASPECT * depth})
    hidden = {**decoder, **shape}["hidden_size"]
    if decoder.get("num_attention_heads") is None and decoder.get("head_dim") is None:
        shape["num_attention_heads"] = max(1, hidden // default_head_dim(hidden))
    flops = budget({**decoder, **shape}, given, context_length)
    rows = max(1.0, batch_tokens(flops) / context_length)
    train = _missing(given, {"learning_rate": learning_rate(flops), "global_batch_size": 2 ** round(math.log2(rows))})
    if all(given.get(name) is None for name in lengths):
        train["tokens_per_parameter"] = TOKENS_PER_PARAMETER
    if not shape and not train:
        said = "decides nothing here: num_hidden_layers, hidden_size, the heads, learning_rate, global_batch_size and "
        raise SettingError(f"{said}the length are all given; leave out those that it is to decide", "decoder.depth")
    return shape, train


def budget(decoder: Mapping[str, Any], given: Mapping[str, Any], context_length: int) -> float:
    """FLOPs of the training, embeddings not counted: how large a vocabulary is, is not known before it is made.

    Where the length is given in steps or in epochs, those of the horizon: the rules hold for trainings of that kind.
    """
    layers = sizes_of({**decoder, "vocab_size": 0, "position_encoding": "none"})
    ratio = given.get("tokens_per_parameter") or TOKENS_PER_PARAMETER
    tokens = given.get("tokens") or ratio * layers.parameters
    return training_flops(layers, tokens, context_length)


def _missing(given: Mapping[str, Any], derived: Values) -> Values:
    return {name: value for name, value in derived.items() if given.get(name) is None}
