"""How answers are laid out for a forward pass: several short ones in a row, so that little is computed for padding.

Of an answer all but the last token are read, after its prompt: the last predicts nothing. Networks are given a `Layout`
and return one number for each response token, flat, without padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.models.batching import length_groups

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Prompts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Layout:
    """The input of one forward pass, and where its results belong. n is the number of response tokens in it."""

    input_ids: Tensor
    """(rows, width), padded on the right: no token of a causal model sees the padding behind it."""
    position_ids: Tensor | None
    """(rows, width), starting anew at each answer; None where no row holds more than one."""
    predicting: Tensor
    """(rows, width): True where the next token is a response token."""
    tokens: Tensor
    """(n,): the response tokens, in the order of `predicting`."""
    places: Tensor
    """(n,): where they stand in the flattened (batch, length) of all answers."""


@dataclass(frozen=True)
class Packer:
    """How answers are laid out."""

    micro_batch_tokens: int
    """Tokens of a forward pass at most, padding counted, unless a single row has more."""
    pad_id: int
    packed_width: int = 0
    """Rows up to this width hold several answers: attention, which sees the whole row, is cheap there; 0 for none."""

    def lay_out(
        self, prompts: Prompts, tokens: Tensor, mask: Tensor, batch_rows: Sequence[int] | None = None
    ) -> list[Layout]:
        """Layouts that hold every answer of `batch_rows`, or of all rows, once.

        `tokens` and `mask` are (batch, length), padded on the right. A packed row is as wide as the longest answer with
        its prompt; where there is one answer to a row, it stands beside others of similar length.
        """
        answers = tokens.cpu().numpy()
        counts = mask.long().sum(dim=1).tolist()
        chosen = range(len(prompts)) if batch_rows is None else batch_rows
        widths = [len(prompts[row]) + counts[row] - 1 for row in chosen]
        if max(widths) <= self.packed_width:
            groups = even_groups(first_fit(widths), max(widths), self.micro_batch_tokens)
        else:
            groups = [[[index] for index in group] for group in length_groups(widths, self.micro_batch_tokens)]
        return [
            _layout([[chosen[index] for index in row] for row in group], prompts, answers, counts, self.pad_id, tokens)
            for group in groups
        ]


def first_fit(widths: Sequence[int]) -> list[list[int]]:
    """Answers shared out among rows as wide as the widest: each, the widest first, into the first row with room."""
    rows: list[list[int]] = []
    room = np.zeros(len(widths), dtype=np.int64)
    for index in sorted(range(len(widths)), key=lambda index: -widths[index]):
        row = int(np.argmax(room >= widths[index]))
        if room[row] < widths[index]:
            row = len(rows)
            rows.append([])
            room[row] = max(widths)
        rows[row].append(index)
        room[row] -= widths[index]
    return rows


def even_groups(rows: Sequence[list[int]], width: int, micro_batch_tokens: int) -> list[list[list[int]]]:
    """The rows in as few groups as the budget allows, all of nearly the same size."""
    most = max(1, micro_batch_tokens // width)
    count = -(-len(rows) // most)
    bounds = [len(rows) * part // count for part in range(count + 1)]
    return [list(rows[start:end]) for start, end in pairwise(bounds)]


def _layout(
    rows: Sequence[Sequence[int]], prompts: Prompts, answers: np.ndarray, counts: Sequence[int], pad_id: int,
    like: Tensor,
) -> Layout:  # fmt: skip
    width = max(sum(len(prompts[index]) + counts[index] - 1 for index in row) for row in rows)
    input_ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    position_ids = np.tile(np.arange(width), (len(rows), 1))
    predicting = np.zeros((len(rows), width), dtype=bool)
    order = [index for row in rows for index in row]
    for line, row in enumerate(rows):
        start = 0
        for index in row:
            first, end = start + len(prompts[index]) - 1, start + len(prompts[index]) - 1 + counts[index]
            input_ids[line, start : first + 1] = prompts[index]
            input_ids[line, first + 1 : end] = answers[index, : counts[index] - 1]
            predicting[line, first:end] = True
            position_ids[line, start:] = np.arange(width - start)
            start = end
    device = like.device
    response = [answers[index, : counts[index]] for index in order]
    places = [index * answers.shape[1] + np.arange(counts[index]) for index in order]
    return Layout(
        input_ids=torch.from_numpy(input_ids).to(device),
        position_ids=torch.from_numpy(position_ids).to(device) if len(order) > len(rows) else None,
        predicting=torch.from_numpy(predicting).to(device),
        tokens=torch.from_numpy(np.concatenate(response)).to(device),
        places=torch.from_numpy(np.concatenate(places)).to(device),
    )


LEAK = 1e-3
"""Rounding changes an output of about 1 by 1e-6; a neighbour that is seen changes it by a tenth."""


@torch.no_grad()
def keeps_packed_rows_apart(trunk: nn.Module, config: PreTrainedConfig) -> bool:
    """Whether two answers in one row, told apart by their positions alone, are to this model as if each were alone.

    Models that take no positions, see no end of a row in them, or look further than a window are not packed.
    """
    if getattr(config, "sliding_window", None) is not None:
        return False
    device = next(trunk.parameters()).device
    rows = torch.arange(16, device=device).reshape(2, 8) * 5 % config.vocab_size
    positions = torch.arange(8, device=device)
    alone = trunk(input_ids=rows, use_cache=False).last_hidden_state
    packed = trunk(input_ids=rows.reshape(1, 16), position_ids=torch.cat([positions, positions])[None], use_cache=False)
    difference = (packed.last_hidden_state.reshape(alone.shape) - alone).abs().max()
    return float(difference) < LEAK * float(alone.abs().max())
