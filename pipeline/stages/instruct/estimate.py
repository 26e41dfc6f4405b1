"""What tuning on a mixture takes; imports no torch unless it is to probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.data.held_out import rows_to_train_on
from pipeline.data.sizes import size_of
from pipeline.stages.instruct.config import Config
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


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Rows by the sources, their tokens by an earlier run on the same mixture, or by each source's first rows."""
    model = model_facts(inputs.model, context)
    facts = _rows(config, inputs, model, context)
    rows = None
    if context.probe and model and context.can_open(inputs.model, *(entry.data for entry in inputs.mixture)):
        rows = _count(config, inputs, model, context)
    return training_estimate(model, config.train, facts, context, lora=config.lora, rows=rows)


def _rows(config: Config, inputs: Inputs, model: ModelFacts | None, context: EstimateContext) -> RowFacts:
    past = same_data(context, "mixture", "validation")
    sizes = [size_of(entry.data) for entry in inputs.mixture]
    count = past.metric("rows") if past else None
    known = [size.rows for size in sizes if size.rows is not None]
    if count is None and len(known) == len(sizes):
        pairs = zip(known, inputs.mixture, strict=True)
        count = sum(rows_to_train_on(rows, entry.data, inputs.validation) for rows, entry in pairs)
    tokens = earlier_row_tokens(past)
    notes = (f"tokens of a row as in {past.name}",) if past and tokens else ("tokens of a row by the first rows",)
    each = [size.row_tokens(model.bytes_per_token if model else None) for size in sizes]
    if tokens is None and all(each):
        weights = [entry.weight for entry in config.mixture]
        mean = sum(weight * (row or 0) for weight, row in zip(weights, each, strict=True)) / sum(weights)
        tokens = Figure(mean, "~")
    longest = Figure(model.sizes.max_position_embeddings, "<=") if model else None
    why = unknown_after({"model": inputs.model}, context)
    padding = 1.05 if config.group_by_length else 1.2
    return RowFacts(Figure(count) if count else None, tokens, None, padding, longest, why=why, notes=notes)


def _count(config: Config, inputs: Inputs, model: ModelFacts, context: EstimateContext) -> RowPlan:
    """The rows as the stage will mix and order them."""
    from pipeline.data.adopting import adopted_tokenizer, resolved
    from pipeline.stages.instruct.sources import open_sources
    from pipeline.stages.instruct.stage import arranged

    tokenizer = adopted_tokenizer(inputs.model.path, resolved(config, inputs)).tokenizer
    sources = open_sources(config, inputs, tokenizer, model.sizes.max_position_embeddings, context.seed)
    return arranged(config, sources, context.seed)
