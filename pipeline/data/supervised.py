"""Conversations as rows to learn from: their ids, and labels on the tokens that bear loss; which are held out.

A row without any such token, or longer than the model's context, is an error with its place: neither is ever cut or
dropped in silence. Rows are read by `reading`, turned into ids by `chat`; batches and their order are the trainer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from transformers import TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.chat import conversation_ids
from pipeline.data.held_out import HELD_OUT_SHARE, has_test_split
from pipeline.data.reading import read_conversations
from pipeline.data.rows import place_of

NO_LOSS = -100
"""The label that bears no loss, in every loss of transformers."""

LossOn = Literal["assistant", "all"]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Lessons:
    """Conversations as tokens."""

    input_ids: list[list[int]]
    labels: list[list[int]]
    """The ids again where loss is borne, -100 elsewhere."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each conversation, int64 (rows,)."""
        return np.array([len(ids) for ids in self.input_ids], dtype=np.int64)

    @property
    def loss_tokens(self) -> int:
        """Tokens that bear loss, over all conversations."""
        return sum(label != NO_LOSS for labels in self.labels for label in labels)


def lessons_of(
    tokenizer: TokenizersBackend, rows: Rows, *, loss_on: LossOn, context_length: int, address: str
) -> Lessons:
    """Tokens and labels of `rows`; `address` names them in errors.

    Raises:
        DataError: for a row that is longer than `context_length`, or has no token that bears loss.
    """
    lessons = Lessons([], [])
    for number, row in enumerate(rows, start=1):
        place = place_of(row, f"{address}:row {number}")
        ids, mask = conversation_ids(tokenizer, row["messages"])
        if loss_on == "all":
            mask = [0] + [1] * (len(ids) - 1)  # nothing comes before the first token that could predict it
        if len(ids) > context_length:
            raise DataError(f"{place}: {len(ids)} tokens, the model's context is {context_length}; "
                            "shorten or remove the row, or train a model with a longer context")  # fmt: skip
        if not any(mask):
            raise DataError(f"{place}: no token bears loss: the chat template marks nothing of the "
                            "assistant's turns; mend the template, or remove the row")  # fmt: skip
        lessons.input_ids.append(ids)
        lessons.labels.append([token if bears else NO_LOSS for token, bears in zip(ids, mask, strict=True)])
    return lessons


def split_conversations(
    source: Resolved | Artifact, validation: float | Resolved | Artifact | None, seed: int
) -> tuple[Rows, Rows]:
    """Conversations to train on and held-out ones.

    `validation` is a fraction of the rows, or other data. None is the `test` split of a builtin that has one, else a
    small fraction.

    Raises:
        DataError: as `split_rows`.
    """
    rows = read_conversations(source)
    if validation is None and has_test_split(source):
        return rows, read_conversations(source, split="test")
    if validation is None or isinstance(validation, float | int):
        return split_rows(rows, HELD_OUT_SHARE if validation is None else float(validation), seed, source.address)
    return rows, read_conversations(validation)


def split_rows(rows: Rows, fraction: float, seed: int, address: str) -> tuple[Rows, Rows]:
    """Rows to train on, in their order, and a random `fraction` of them that is held out.

    Raises:
        DataError: naming `address`, if that leaves none to train on.
    """
    held_out = set(
        np.random.default_rng([seed, len(rows)]).permutation(len(rows))[: round(fraction * len(rows))].tolist()
    )
    if len(held_out) == len(rows):
        raise DataError(
            f"{address}: validation: {fraction:g} of {len(rows)} rows leaves none to train on; lower it, or bring more "
            "data"
        )
    return (
        [row for index, row in enumerate(rows) if index not in held_out],
        [row for index, row in enumerate(rows) if index in held_out],
    )


def prompt_of(row: dict[str, Any]) -> list[dict[str, str]]:
    """What comes before the last of the assistant's turns."""
    turns = [index for index, message in enumerate(row["messages"]) if message["role"] == "assistant"]
    return row["messages"][: turns[-1]]


def spread(rows: Rows, count: int) -> Rows:
    """At most `count` of `rows`, evenly spread over them: neighbours are often alike."""
    if len(rows) <= count:
        return rows
    return [rows[index * len(rows) // count] for index in range(count)]


def common_columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The columns that every row has besides its messages, one list each."""
    names = set.intersection(*(set(row) for row in rows)) - {"messages"} if rows else set()
    return {name: [row[name] for row in rows] for name in sorted(names)}
