"""The settings of the tokenizer stage."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.artifacts import TextInput, Tokenizer
from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.stage import Stage, StageConfig
from pipeline.data.special_tokens import SPECIAL_TOKENS

SMALLEST = 256 + len(SPECIAL_TOKENS)
"""Every byte and every special token: nothing merged."""
USUAL_SIZE = 8192


class Config(StageConfig):
    """Text in, a tokenizer out."""

    text: list[TextInput] = Field(min_length=1)
    """What the tokenizer should write in few tokens: a corpus (its training split), and the conversations that come
    later, each message as the chat template writes it. Name one twice to weigh it twice."""
    algorithm: Literal["byte_bpe", "characters"] = "byte_bpe"
    """How tokens are learned. `byte_bpe`: bytes, and pairs of tokens merged by frequency; any text comes back as it
    was. `characters`: one token for each character of the text; other characters become `<|unknown|>`."""
    vocab_size: Count | None = None
    """How many tokens `byte_bpe` makes, the special ones and the 256 bytes included; 8192 when left out. A small text
    may yield fewer. Not for `characters`: it makes as many as the text has."""
    sample: Count = 2_000_000
    """Learn from at most so many bytes of the text, chosen by hash. Merges settle long before all of a large text is
    read: take some hundred bytes for each token. For `characters` take all of it, or rare ones may be missed."""

    @model_validator(mode="before")
    @classmethod
    def _usual_size(cls, values: Any) -> Any:
        wants_size = isinstance(values, dict) and values.get("algorithm", "byte_bpe") == "byte_bpe"
        return {**values, "vocab_size": USUAL_SIZE} if wants_size and values.get("vocab_size") is None else values

    @model_validator(mode="after")
    def _size_fits(self) -> Config:
        if self.algorithm == "characters" and self.vocab_size is not None:
            said = "characters makes as many tokens as the text has characters: leave vocab_size out"
            raise SettingError(said, "vocab_size", "algorithm")
        if self.vocab_size is not None and self.vocab_size < SMALLEST:
            raise SettingError(
                f"{self.vocab_size} is too small: 256 bytes and {len(SPECIAL_TOKENS)} special tokens need {SMALLEST} "
                "or more",
                "vocab_size",
            )
        return self


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
