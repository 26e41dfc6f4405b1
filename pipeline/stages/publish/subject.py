"""The model that a card is about."""

from __future__ import annotations

from dataclasses import dataclass


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
