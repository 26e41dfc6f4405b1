"""Preference pairs as tokens: read, split, and refused where they do not fit the model or teach nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from transformers import TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs
from pipeline.data.chat import conversation_ids
from pipeline.data.held_out import HELD_OUT_PAIRS
from pipeline.data.reading import read_pairs, splits
from pipeline.data.rows import place_of
from pipeline.data.supervised import split_rows
from pipeline.models.loading import load_tokenizer

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class TokenPairs:
    """Whole conversations, prompt and answer."""

    chosen: list[list[int]]
    rejected: list[list[int]]

    @property
    def lengths(self) -> list[int]:
        """Tokens of both conversations of each pair."""
        return [len(chosen) + len(rejected) for chosen, rejected in zip(self.chosen, self.rejected, strict=True)]

    @property
    def widths(self) -> list[int]:
        """Tokens of the longer conversation of each pair."""
        return [max(len(chosen), len(rejected)) for chosen, rejected in zip(self.chosen, self.rejected, strict=True)]


@dataclass(frozen=True)
class AnswerPairs:
    """Prompts and the two answers to each, which end with what the chat template marks as the assistant's."""

    prompts: list[list[int]]
    chosen: list[list[int]]
    rejected: list[list[int]]

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.prompts)

    @property
    def conversations(self) -> TokenPairs:
        """Each prompt with either answer."""
        sides = [
            [[*prompt, *answer] for prompt, answer in zip(self.prompts, side, strict=True)]
            for side in (self.chosen, self.rejected)
        ]
        return TokenPairs(*sides)


def split_pairs(
    source: Resolved | Artifact, validation: float | Resolved | Artifact | None, seed: int
) -> tuple[Rows, Rows]:
    """Pairs to train on and held-out ones.

    Raises:
        DataError: as `split_rows`.
    """
    if validation is None and "validation" in splits(source):
        return read_pairs(source, "train"), read_pairs(source, "validation")
    if validation is None or isinstance(validation, float | int):
        fraction = HELD_OUT_PAIRS if validation is None else float(validation)
        return split_rows(read_pairs(source, None), fraction, seed, source.address)
    return read_pairs(source, None), read_pairs(validation, None)


def token_pairs(tokenizer: TokenizersBackend, rows: Rows, context_length: int, address: str) -> TokenPairs:
    """The conversations of `rows` as ids; `address` names them in errors.

    Raises:
        DataError: for a conversation that is longer than the context.
    """
    both = list(_conversations(tokenizer, rows, context_length, address))
    return TokenPairs([chosen for _, (chosen, _), _ in both], [rejected for _, _, (rejected, _) in both])


def training_pairs(inputs: Inputs, context_length: int, seed: int) -> TokenPairs:
    """The conversations that a stage with the inputs `model`, `preferences` and `validation` trains on."""
    rows, _ = split_pairs(inputs.preferences, inputs.validation, seed)
    return token_pairs(load_tokenizer(inputs.model.path), rows, context_length, inputs.preferences.address)


def answer_pairs(tokenizer: TokenizersBackend, rows: Rows, context_length: int, address: str) -> AnswerPairs:
    """The prompts of `rows` and both answers as ids; `address` names them in errors.

    Raises:
        DataError: as `token_pairs`; where the template marks nothing of an answer, or writes the two prompts apart.
    """
    pairs = AnswerPairs([], [], [])
    for place, chosen, rejected in _conversations(tokenizer, rows, context_length, address):
        (prompt, preferred), (other, worse) = _last_turn(*chosen), _last_turn(*rejected)
        if not preferred or not worse or prompt != other:
            raise DataError(f"{place}: the chat template does not mark the two answers after one prompt; mend the "
                            "template, or remove the row")  # fmt: skip
        pairs.prompts.append(prompt)
        pairs.chosen.append(preferred)
        pairs.rejected.append(worse)
    return pairs


_Conversation = tuple[list[int], list[int]]
"""Its ids, and a mask that is 1 on the assistant's tokens."""


def _conversations(
    tokenizer: TokenizersBackend, rows: Rows, context_length: int, address: str
) -> Iterator[tuple[str, _Conversation, _Conversation]]:
    """The place of each row, and its prompt with the chosen and with the rejected answer."""
    for number, row in enumerate(rows, start=1):
        place, found = place_of(row, f"{address}:row {number}"), []
        for side in ("chosen", "rejected"):
            ids, mask = conversation_ids(tokenizer, [*row["prompt"], *row[side]])
            if len(ids) > context_length:
                raise DataError(f"{place}: {side}: {len(ids)} tokens with its prompt, where the model's context is "
                                f"{context_length}; shorten or remove the row")  # fmt: skip
            found.append((ids, mask))
        yield place, *found


def _last_turn(ids: list[int], mask: list[int]) -> _Conversation:
    """What comes before the last of the assistant's turns, and that turn: what a model that answers would sample."""
    end = max((place for place, is_answer in enumerate(mask, start=1) if is_answer), default=0)
    start = end - [*mask[:end][::-1], 0].index(0)
    return ids[:start], ids[start:end]
