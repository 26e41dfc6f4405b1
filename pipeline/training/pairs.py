"""Preference pairs as rows of a training: their order and lengths, and what a plan knows of them before it.

Imports no torch. Both sides of a pair go through the model as rows of one batch, as wide as the longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.core.estimates import EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.training.config import TrainConfig
from pipeline.training.estimate import ModelFacts, RowFacts, earlier_row_tokens, same_data, unknown_after
from pipeline.training.length import steps_of

if TYPE_CHECKING:
    from pipeline.training.rows import RowPlan


def pair_plan(train: TrainConfig, lengths: Sequence[int], widths: Sequence[int], seed: int) -> RowPlan:
    """The pairs in the order of the whole training: `lengths` are tokens of both sides, `widths` of the longer."""
    import numpy as np

    from pipeline.training.order import EpochOrder
    from pipeline.training.rows import RowPlan

    steps = steps_of(train, len(lengths), sum(lengths) / max(1, len(lengths)))
    order = EpochOrder(len(lengths), train.global_batch_size, steps, seed)
    return RowPlan(np.array(lengths), order, np.array(widths), sequences=2)


def pair_facts(
    count: Figure | None, tokens: Figure | None, model: ModelFacts | None, inputs: Inputs, context: EstimateContext
) -> RowFacts:
    """What is known of `count` pairs, each of so many `tokens`; more where an earlier stage has read them."""
    notes = ("answers as long as they may be",)
    past = same_data(context, "preferences", "validation")
    if past and past.metric("pairs"):
        count, tokens = Figure(past.metric("pairs") or 0), earlier_row_tokens(past) or tokens
        notes = (f"tokens of a pair as in {past.name}",)
    longest = Figure(2 * model.sizes.max_position_embeddings, "<=") if model else None
    why = unknown_after({"model": inputs.model, "preferences": inputs.preferences}, context)
    return RowFacts(count, tokens, longest=longest, sequences=2, masked=True, why=why, notes=notes)
