"""The settings of the tokenizer stage."""

from __future__ import annotations

from pydantic import Field, field_validator

from pipeline.artifacts import TextInput, Tokenizer
from pipeline.core.quantities import Count
from pipeline.core.stage import Stage, StageConfig
from pipeline.data.special_tokens import SPECIAL_TOKENS

SMALLEST = 256 + len(SPECIAL_TOKENS)
"""Every byte and every special token: nothing merged."""


class Config(StageConfig):
    """Text in, a tokenizer out."""

    text: list[TextInput] = Field(min_length=1)
    """What the tokenizer should write in few tokens: a corpus (its training split), and the conversations that come
    later, each message as the chat template writes it. Name one twice to weigh it twice."""
    vocab_size: Count = 8192
    """How many tokens, the special ones and the 256 bytes included. A small text may yield fewer."""
    sample: Count = 2_000_000
    """Train on at most so many bytes of the text, chosen by hash; merges settle long before all of a large text is
    read. Take some hundred bytes for each token of the vocabulary."""

    @field_validator("vocab_size")
    @classmethod
    def _holds_every_byte(cls, vocab_size: int) -> int:
        if vocab_size < SMALLEST:
            raise ValueError(
                f"{vocab_size} is too small: 256 bytes and {len(SPECIAL_TOKENS)} special tokens need {SMALLEST} or more"
            )
        return vocab_size


STAGE = Stage(
    kind="tokenizer",
    config=Config,
    output=Tokenizer,
    run="pipeline.stages.tokenizer.stage:run",
    check="pipeline.stages.tokenizer.checks:check",
    estimate="pipeline.stages.tokenizer.estimate:estimate",
    processes="main",
    seeded=False,
    smoke={"sample": 200_000},
)
