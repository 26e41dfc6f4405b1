"""The prompts that the policy answers, and which of them each episode gets.

An episode is one answer; episode `i` of a run answers the same prompt whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import DataError
from pipeline.data.chat import prompt_ids
from pipeline.data.rows import place_of

if TYPE_CHECKING:
    from transformers import TokenizersBackend

    from pipeline.data.judge import Message


@dataclass(frozen=True)
class Prompt:
    """One prompt, ready for the policy and for whatever scores the answers."""

    ids: tuple[int, ...]
    """Token ids, after which the answer begins."""
    messages: list[Message] = field(default_factory=list)
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The other columns of its row; every prompt of a set has the same ones."""


def encode_prompts(
    rows: Iterable[Mapping[str, Any]],
    tokenizer: TokenizersBackend,
    place: str,
    context_length: int,
    max_new_tokens: int,
) -> list[Prompt]:
    """The rows `{prompt: messages, ...}` as prompts; `place` names their source in errors.

    Raises:
        DataError: if there are none, or one leaves less than `max_new_tokens` of the context.
    """
    rows = list(rows)
    if not rows:
        raise DataError(f"{place}: holds no prompts; ppo needs at least one")
    names = dict.fromkeys(name for row in rows for name in row if name != "prompt")
    prompts = []
    for index, row in enumerate(rows):
        ids = tuple(prompt_ids(tokenizer, row["prompt"]))
        if len(ids) + max_new_tokens > context_length:
            room = context_length - len(ids)
            lower = f", or set sampling.max_new_tokens to at most {room}" if room > 0 else ""
            raise DataError(
                f"{place_of(row, f'{place}: prompt {index}')}: {len(ids)} tokens and an answer of up to "
                f"{max_new_tokens} do not fit the policy's context of {context_length}; shorten or remove the prompt"
                f"{lower}"
            )
        prompts.append(Prompt(ids, row["prompt"], {name: row.get(name) for name in names}))
    return prompts


def column_values(prompts: Sequence[Prompt]) -> dict[str, list[Any]]:
    """The prompts' other columns, each as a list of one value per prompt."""
    return {name: [prompt.columns[name] for prompt in prompts] for name in (prompts[0].columns if prompts else ())}


def prompt_of_episode(episode: int, count: int, seed: int) -> int:
    """Which of `count` prompts an episode answers: every prompt once per pass, each pass in an order of its own."""
    epoch, place = divmod(episode, count)
    return int(_permutation(count, seed, epoch)[place])


@lru_cache(maxsize=2)  # episodes are asked for in order, and one batch spans two passes at times
def _permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)
