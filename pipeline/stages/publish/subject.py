"""The model that a card is about, read from its folder without opening the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from pipeline.core.artifact import read_json


@dataclass(frozen=True)
class Base:
    """The model on the Hub that an adapter was trained on."""

    name: str
    revision: str
    """A commit."""


@dataclass(frozen=True)
class Subject:
    """The model that the card is about."""

    name: str
    address: str
    """As the evaluation names it."""
    num_parameters: int
    context_length: int
    custom: bool
    """Whether the decoder's code comes with the weights."""
    base: Base | None = None
    """Where an adapter alone is published."""


def subject_of(folder: Path, name: str, address: str) -> Subject:
    """What a saved model says of itself."""
    config = read_json(folder / "config.json")
    return Subject(
        name, address, count_parameters(folder), config.get("max_position_embeddings", 0), bool(config.get("auto_map"))
    )


def count_parameters(folder: Path) -> int:
    """The numbers in all `*.safetensors` of a folder, from their headers."""
    total = 0
    for weights in sorted(folder.glob("*.safetensors")):
        with safe_open(weights, framework="np") as file:
            total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return total
