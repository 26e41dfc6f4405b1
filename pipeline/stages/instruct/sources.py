"""The sources of a mixture, read and turned into tokens; and what is held out of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs
from pipeline.data.supervised import Lessons, Rows, lessons_of, split_conversations
from pipeline.stages.instruct.config import Config


@dataclass(frozen=True)
class Source:
    """One source of conversations."""

    name: str
    """Its address, short enough for a figure's name."""
    data: Resolved | Artifact
    weight: float
    lessons: Lessons
    held_out: Rows
    unseen: Lessons
    """`held_out` as tokens."""


def open_sources(
    config: Config, inputs: Inputs, tokenizer: TokenizersBackend, context_length: int, seed: int
) -> list[Source]:
    """Every source of the mixture."""
    shape: dict[str, Any] = {"loss_on": config.loss_on, "context_length": context_length}
    sources = []
    for number, (entry, resolved) in enumerate(zip(config.mixture, inputs.mixture, strict=True)):
        rows, held_out = split_conversations(resolved.data, inputs.validation, seed)
        if number and inputs.validation is not None and not isinstance(inputs.validation, float | int):
            held_out = []  # data of its own stands for the whole mixture: with the first source, once
        address = resolved.data.address
        sources.append(Source(
            name=short_name(address),
            data=resolved.data,
            weight=entry.weight,
            lessons=lessons_of(tokenizer, rows, address=address, **shape),
            held_out=held_out,
            unseen=lessons_of(tokenizer, held_out, address=f"{address} (held out)", **shape),
        ))  # fmt: skip
    return sources


def short_name(address: str) -> str:
    """`valley_tasks` of `builtin:valley-tasks`, `chat` of `./data/chat.jsonl`."""
    last = address.rstrip("/").rsplit("/", 1)[-1].split("@")[0].removeprefix("builtin:")
    return last.split(".")[0].replace("-", "_")
