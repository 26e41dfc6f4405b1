"""What a family of checkpoints is to our decoder: settings it fixes, names of the others, layout of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedConfig

from pipeline.models.convert.layout import Fused
from pipeline.models.decoder import DecoderConfig

Settings = Mapping[str, Any]

PLAIN: Settings = {
    "sliding_window": None,
    "attn_logit_softcapping": None,
    "final_logit_softcapping": None,
    "norm_position": "pre",
    "final_norm": True,
    "lm_head_bias": False,
    "value_embeddings": False,
}
"""What none of the families departs from."""


def nothing(config: Any) -> Settings:
    """No settings that need more than another name."""
    return {}


def nothing_against(config: Any) -> list[str]:
    """Nothing prevents the conversion."""
    return []


@dataclass(frozen=True)
class Family:
    """One of transformers' architectures, as a special case of our decoder."""

    model_type: str
    requires: Settings
    """Our settings that it fixes."""
    settings: Mapping[str, str]
    """Our settings that it lets choose, with its names for them."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Our names of modules, with its own; those in a layer without the layer's prefix. Others are called alike."""
    layers: str = "model.layers."
    """What its names of the layers' tensors start with."""
    fused: str | None = None
    """Its one projection for queries, keys and values, if it has one."""
    layout: Fused | None = None
    """How that projection holds the three."""
    transposed: bool = False
    """Whether its layers' projections are stored as (in, out)."""
    ours: Callable[[PreTrainedConfig], Settings] = nothing
    """Our settings that need more than another name, from its config."""
    theirs: Callable[[DecoderConfig], Settings] = nothing
    """Its settings that need more than another name, from our config."""
    foreign: Callable[[PreTrainedConfig], list[str]] = nothing_against
    """What in its config our decoder cannot do."""
    obstacles: Callable[[DecoderConfig], list[str]] = nothing_against
    """What in our config, beside `requires`, it cannot do."""


def departures(config: PreTrainedConfig, expected: Settings) -> list[str]:
    """Where a config is not as expected: `qk_norm is True, must be False`."""
    return [
        f"{name} is {getattr(config, name, None)!r}, must be {value!r}"
        for name, value in expected.items()
        if getattr(config, name, None) != value
    ]
