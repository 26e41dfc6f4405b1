"""What fine-tuning takes; imports no torch unless it is to probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.data.held_out import rows_to_train_on
from pipeline.data.sizes import size_of
from pipeline.stages.sft.config import Config
from pipeline.training.estimate import (
    ModelFacts,
    RowFacts,
    earlier_row_tokens,
    model_facts,
    same_data,
    training_estimate,
    unknown_after,
)

if TYPE_CHECKING:
    from pipeline.training.rows import RowPlan

_FILLED = 0.95
"""Share of a row that conversations fill, when packed best fit."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Rows by the data, their tokens by an earlier run on the same data, or by the first rows."""
    model = model_facts(inputs.model, context)
    facts = _rows(config, inputs, model, context)
    rows = None
    if context.probe and model and context.can_open(inputs.model, inputs.data):
        rows = _count(config, inputs, model, context)
    return training_estimate(model, config.train, facts, context, lora=config.lora, rows=rows)


def _rows(config: Config, inputs: Inputs, model: ModelFacts | None, context: EstimateContext) -> RowFacts:
    size, past = size_of(inputs.data), same_data(context, "data", "validation")
    earlier = earlier_row_tokens(past) if past and past.setting("packing") == context.settings.get("packing") else None
    rows = past.metric("rows") if past else None
    if rows is None and size.rows is not None:
        rows = rows_to_train_on(size.rows, inputs.data, inputs.validation)
    sampled = size.row_tokens(model.bytes_per_token if model else None)
    why = unknown_after({"model": inputs.model}, context)
    length = model.sizes.max_position_embeddings if model else None
    longest = Figure(length, "<=") if length else None
    tokens = earlier or (Figure(sampled, "~") if sampled else None)
    notes = (f"tokens of a row as in {past.name}",) if earlier and past else ("tokens of a row by the first rows",)
    if config.packing:
        count = None
        if rows and sampled and length:
            count = Figure(max(1, round(rows * sampled / (_FILLED * length))), "~")
        tokens = Figure(_FILLED * length, "~") if length else None
        return RowFacts(count, tokens, tokens, longest=longest, masked=True, see_each_other=True, why=why, notes=notes)
    return RowFacts(Figure(rows) if rows else None, tokens, longest=longest, why=why, notes=notes)


def _count(config: Config, inputs: Inputs, model: ModelFacts, context: EstimateContext) -> RowPlan:
    """The rows as the stage will order them."""
    from pipeline.data.adopting import adopted_tokenizer, resolved
    from pipeline.data.supervised import lessons_of, split_conversations
    from pipeline.stages.sft.stage import arranged

    length = model.sizes.max_position_embeddings
    conversations, _ = split_conversations(inputs.data, inputs.validation, context.seed)
    tokenizer = adopted_tokenizer(inputs.model.path, resolved(config, inputs)).tokenizer
    lessons = lessons_of(
        tokenizer, conversations, loss_on=config.loss_on, context_length=length,
        address=inputs.data.address,
    )  # fmt: skip
    return arranged(config, lessons, length, context.seed)[1]
