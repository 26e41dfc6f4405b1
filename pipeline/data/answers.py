"""What a model answers to prompts: texts, whether they ended, how many tokens they took.

Each answer has its own stream of uniforms, keyed by (seed, index of the answer), so that neither batching nor the
number of processes changes it. Rows are sorted by length only to waste little padding. Judging is left to others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from pipeline.core.errors import DataError, StageError
from pipeline.data.chat import prompt_ids, response_text
from pipeline.data.rows import place_of
from pipeline.models.loading import require_pad_token
from pipeline.models.sampling import episode_uniforms, sample

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend

    from pipeline.data.judge import Message

COLD = 1e-6
"""Stands for temperature 0: the likeliest token has nearly all of the distribution, hence also its middle."""


@dataclass(frozen=True)
class Answers:
    """Answers in the order of their prompts."""

    texts: list[str]
    ended: list[bool]
    """Whether the model ended its answer itself, rather than being cut at `max_new_tokens`."""
    token_counts: list[int]
    """Tokens of each answer, the end token counted."""
    ids: list[list[int]] = field(default_factory=list)
    """The tokens; left out where only texts are passed on."""
    log_probs: list[float] = field(default_factory=list, compare=False)  # its last bits depend on the batch
    """Of each whole answer under the distribution that it was drawn from, in nats."""


def sample_answers(
    model: PreTrainedModel,
    tokenizer: TokenizersBackend,
    prompts: Sequence[list[Message]],
    *,
    seed: int,
    temperature: float,
    max_new_tokens: int,
    first_index: int = 0,
    batch_size: int = 128,
) -> Answers:
    """One answer to each prompt, sampled in evaluation mode; `temperature` 0 takes the likeliest token.

    Answer `i` uses the uniforms of episode `first_index + i`: a process that answers a slice of the prompts passes the
    slice's start, and gets the very answers that one process would.

    Raises:
        DataError: if a prompt and an answer of `max_new_tokens` do not fit the model's context.
    """
    rows = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    require_room(rows, model.config.max_position_embeddings, max_new_tokens, first_index)
    by_length = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    texts, ended, token_counts = [""] * len(rows), [False] * len(rows), [0] * len(rows)
    ids: list[list[int]] = [[] for _ in rows]
    log_probs = [0.0] * len(rows)
    for start in range(0, len(rows), batch_size):
        batch = by_length[start : start + batch_size]
        samples = sample(
            model,
            [rows[row] for row in batch],
            torch.full((len(batch), max_new_tokens), 0.5, dtype=torch.float64)
            if temperature == 0
            else episode_uniforms(seed, [first_index + row for row in batch], max_new_tokens),
            end_ids=[require_end_token(tokenizer)],
            pad_id=require_pad_token(tokenizer),
            max_new_tokens=max_new_tokens,
            temperature=temperature or COLD,
        )
        counts = samples.mask.sum(dim=1).long().tolist()
        for row, tokens, count, end in zip(batch, samples.tokens.tolist(), counts, samples.ended.tolist(), strict=True):
            texts[row], ended[row], token_counts[row] = response_text(tokenizer, tokens[:count]), bool(end), count
            ids[row] = tokens[:count]
        for row, total in zip(batch, samples.log_probs.double().sum(dim=1).tolist(), strict=True):
            log_probs[row] = total
    return Answers(texts, ended, token_counts, ids, log_probs)


def require_end_token(tokenizer: TokenizersBackend) -> int:
    """The end token's id.

    Raises:
        StageError: if there is none.
    """
    if not isinstance(tokenizer.eos_token_id, int):
        raise StageError(
            f"{tokenizer.name_or_path}: the tokenizer has no end token, so that no answer could ever end; set its "
            "eos_token to the token that ends a turn, and save it again"
        )
    return tokenizer.eos_token_id


def require_answers_fit(
    rows: Sequence[Mapping[str, Any]], tokenizer: TokenizersBackend, context_length: int, max_new_tokens: int
) -> None:
    """Refuse the first row whose prompt leaves less than `max_new_tokens` of the context, before any is answered.

    Raises:
        DataError: with the row's place and the lengths.
    """
    for index, row in enumerate(rows):
        length = len(prompt_ids(tokenizer, row["prompt"]))
        if length + max_new_tokens > context_length:
            raise DataError(
                f"{place_of(row, f'prompt {index}')}: {length} tokens and an answer of up to {max_new_tokens} do not "
                f"fit the model's context of {context_length}; shorten or remove the prompt, or lower max_new_tokens"
            )


def require_room(rows: Sequence[Sequence[int]], context_length: int, max_new_tokens: int, first_index: int = 0) -> None:
    """Refuse the first prompt that leaves less than `max_new_tokens` of the context; prompts are counted from 0.

    Raises:
        DataError: naming the prompt and the lengths.
    """
    for index, row in enumerate(rows, start=first_index):
        if len(row) + max_new_tokens > context_length:
            raise DataError(
                f"prompt {index}: {len(row)} tokens and an answer of up to {max_new_tokens} do not fit the model's "
                f"context of {context_length}; shorten or remove the prompt, or lower max_new_tokens"
            )
