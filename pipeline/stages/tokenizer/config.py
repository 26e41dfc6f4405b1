"""The settings of the tokenizer stage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from pipeline.artifacts import TextInput, Tokenizer, TokenizerInput
from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.stage import Stage, StageConfig
from pipeline.data.special_tokens import SPECIAL_TOKENS

_SPECIAL = len(SPECIAL_TOKENS)
SMALLEST = 256 + _SPECIAL
"""Every byte and every special token: nothing merged."""
USUAL_SIZE = 8192
LEAST = {
    "byte_bpe": (SMALLEST, f"256 bytes and {_SPECIAL} special tokens"),
    "bpe": (SMALLEST + 1, f"a character, 256 bytes and {_SPECIAL} special tokens"),
    "wordpiece": (_SPECIAL + 3, f"a character at two places, <|unknown|> and {_SPECIAL} special tokens"),
    "unigram": (SMALLEST, f"256 bytes and {_SPECIAL} special tokens"),
    "words": (_SPECIAL + 2, f"a word, <|unknown|> and {_SPECIAL} special tokens"),
}
"""The smallest vocabulary of each algorithm that has a size, and what it holds."""
BY_PATTERN = ("byte_bpe", "bpe", "unigram", "words")
"""The algorithms that find tokens inside of words, as a pattern cuts them off."""


class Config(StageConfig):
    """Text in, a tokenizer out."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["text"]}, {"required": ["adopt"]}]})

    text: Annotated[list[TextInput], Field(min_length=1)] | None = None
    """What the tokenizer should write in few tokens: a corpus (its training split), and the conversations that come
    later, each message as the chat template writes it. Name one twice to weigh it twice. With `adopt`, what the
    tokenizer is measured on; it may be left out then."""
    algorithm: Literal["byte_bpe", "bpe", "wordpiece", "unigram", "words", "characters"] = "byte_bpe"
    """How tokens are learned. `byte_bpe`: bytes, and pairs of tokens merged by frequency. `bpe`: the same of
    characters, rare ones being written as bytes. `unigram`: pieces of bytes that make the text likeliest. Any text
    comes back from these as it was. `characters`: one token for each character of the text; others become
    `<|unknown|>`. `words`: the most frequent words, others become `<|unknown|>`. `wordpiece`: as BERT has it; white
    space is lost."""
    vocab_size: Count | None = None
    """How many tokens, the special ones and the 256 bytes included; 8192 when left out. A small text may yield fewer.
    Not for `characters`: it makes as many as the text has."""
    pre_tokenizer: Literal["gpt-2", "qwen2", "llama-bpe"] | None = None
    """How text is cut into words before tokens are looked for, by llama.cpp's name of the pattern, so that a GGUF of
    the model tokenizes as the model does; no token reaches over two words. `qwen2` when left out. `gpt-2` keeps digits
    together, `llama-bpe` up to three, `qwen2` none. Not for `wordpiece` and `characters`."""
    sample: Count = 2_000_000
    """Learn from at most so many bytes of the text, chosen by hash. Merges settle long before all of a large text is
    read: take some hundred bytes for each token. For `characters` take all of it, or rare ones may be missed."""
    adopt: TokenizerInput | None = None
    """A tokenizer to take instead of learning one: `./folder` or `hf://org/name`. The padding token and the chat
    template that it lacks are added, with their special tokens."""
    template: Literal["chatml", "gristmill"] | None = None
    """With `adopt`, a chat template in place of the tokenizer's own; its tokens are added where they are missing. Null
    takes its own, and `gristmill` where it has none."""
    compare: list[TokenizerInput] = Field(default_factory=list)
    """Other tokenizers, by folder or `hf://org/name`: the report shows their bytes per token beside this one's."""

    @property
    def pattern(self) -> str:
        """The name of the pattern that words are cut by."""
        return self.pre_tokenizer or "qwen2"

    @model_validator(mode="before")
    @classmethod
    def _usual_size(cls, values: Any) -> Any:
        learns = isinstance(values, dict) and values.get("adopt") is None
        wants_size = learns and values.get("algorithm", "byte_bpe") in [*LEAST]
        return {**values, "vocab_size": USUAL_SIZE} if wants_size and values.get("vocab_size") is None else values

    @model_validator(mode="after")
    def _learns_or_adopts(self) -> Config:
        if self.adopt is None and self.template is not None:
            raise SettingError("belongs to `adopt`; a tokenizer that is learned has ours", "template", "adopt")
        if self.adopt is not None:
            for name in ("algorithm", "vocab_size", "pre_tokenizer"):
                if name in self.model_fields_set and getattr(self, name) is not None:
                    raise SettingError("an adopted tokenizer is taken as it is: leave it out", name, "adopt")
        elif self.text is None:
            raise SettingError(
                "nothing to learn from: name a corpus or other text, or a tokenizer to `adopt`", "text", "adopt"
            )
        return self

    @model_validator(mode="after")
    def _size_fits(self) -> Config:
        if self.algorithm == "characters" and self.vocab_size is not None:
            said = "characters makes as many tokens as the text has characters: leave vocab_size out"
            raise SettingError(said, "vocab_size", "algorithm")
        if self.algorithm not in BY_PATTERN and self.pre_tokenizer is not None:
            said = f"{self.algorithm} cuts text in a way of its own: leave pre_tokenizer out"
            raise SettingError(said, "pre_tokenizer", "algorithm")
        least, parts = LEAST.get(self.algorithm, (0, ""))
        if self.vocab_size is not None and self.vocab_size < least:
            raise SettingError(f"{self.vocab_size} is too small: {parts} need {least} or more", "vocab_size")
        return self


STAGE = Stage(
    kind="tokenizer",
    config=Config,
    output=Tokenizer,
    version=2,
    run="pipeline.stages.tokenizer.stage:run",
    check="pipeline.stages.tokenizer.checks:check",
    estimate="pipeline.stages.tokenizer.estimate:estimate",
    processes="main",
    seeded=False,
    smoke={"sample": 200_000},
)
