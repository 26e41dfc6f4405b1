"""Settings for a model that comes without a tokenizer or a chat template. Imports no torch; `adopting` acts on them."""

from __future__ import annotations

from typing import Literal

from pipeline.artifacts import TokenizerInput
from pipeline.core.stage import Settings


class AdoptConfig(Settings):
    """What is given to a model that does not bring it."""

    tokenizer: TokenizerInput | None = None
    """Another folder's tokenizer, in place of the model's own; null takes the one beside the model."""
    template: Literal["chatml", "gristmill"] | None = None
    """A chat template by name, in place of the tokenizer's own; its tokens are added where they are missing. `chatml`
    is the form of SmolLM2 and Qwen; null takes the one that the tokenizer has."""
