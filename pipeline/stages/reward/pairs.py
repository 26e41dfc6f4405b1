"""Preference pairs as tokens: read, split, and refused where they do not fit the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.chat import conversation_ids
from pipeline.data.reading import read_pairs, splits
from pipeline.data.rows import place_of
from pipeline.data.supervised import split_rows
from pipeline.stages.reward.estimate import HELD_OUT_SHARE

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


def split_pairs(
    source: Resolved | Artifact, validation: float | Resolved | Artifact | None, seed: int
) -> tuple[Rows, Rows]:
    """Pairs to train on and held-out ones."""
    if validation is None and "validation" in splits(source):
        return read_pairs(source, "train"), read_pairs(source, "validation")
    if validation is None or isinstance(validation, float | int):
        fraction = HELD_OUT_SHARE if validation is None else float(validation)
        return split_rows(read_pairs(source, None), fraction, seed)
    return read_pairs(source, None), read_pairs(validation, None)


def token_pairs(tokenizer: TokenizersBackend, rows: Rows, context_length: int, address: str) -> TokenPairs:
    """The conversations of `rows` as ids.

    Raises:
        DataError: for a conversation that is longer than the context.
    """
    pairs = TokenPairs([], [])
    for number, row in enumerate(rows, start=1):
        for side, conversations in (("chosen", pairs.chosen), ("rejected", pairs.rejected)):
            ids, _ = conversation_ids(tokenizer, [*row["prompt"], *row[side]])
            if len(ids) > context_length:
                place = place_of(row, f"{address}:row {number}")
                raise DataError(f"{place}: {side}: {len(ids)} tokens with its prompt, where the model's context is "
                                f"{context_length}; shorten or remove the row")  # fmt: skip
            conversations.append(ids)
    return pairs
