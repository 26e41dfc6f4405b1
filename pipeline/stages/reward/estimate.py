"""What training a reward model takes; imports no torch unless it is to probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.core.artifact import Artifact
from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.data.held_out import rows_to_train_on
from pipeline.data.sizes import size_of
from pipeline.stages.reward.config import Config
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

HELD_OUT_SHARE = 0.1
"""Share of pairs that is held out when the recipe does not say."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Pairs by the preferences, each as two rows of one batch."""
    base = model_facts(inputs.model, context)
    model = None if base is None else scorer(base)
    facts = _rows(inputs, model, context)
    rows = None
    if context.probe and model and context.can_open(inputs.model, inputs.preferences):
        rows = _count(config, inputs, model, context)
    return training_estimate(model, config.train, facts, context, rows=rows)


def scorer(base: ModelFacts) -> ModelFacts:
    """The reward model on this trunk: one score in place of the vocabulary."""
    sizes = replace(base.sizes, labels=1)
    tied = base.sizes.tie_word_embeddings
    change = sizes.head_matrix - (0 if tied else base.sizes.head_matrix)
    return replace(base, sizes=sizes, parameters=base.parameters.then(lambda count: count + change))


def _rows(inputs: Inputs, model: ModelFacts | None, context: EstimateContext) -> RowFacts:
    count, tokens, notes = _pairs(inputs.preferences, inputs.validation, model, context)
    past = same_data(context, "preferences", "validation")
    if past and past.metric("pairs"):
        count, tokens = Figure(past.metric("pairs") or 0), earlier_row_tokens(past) or tokens
        notes = (f"tokens of a pair as in {past.name}",)
    longest = Figure(2 * model.sizes.max_position_embeddings, "<=") if model else None
    why = unknown_after({"model": inputs.model, "preferences": inputs.preferences}, context)
    return RowFacts(count, tokens, longest=longest, sequences=2, masked=True, why=why, notes=notes)


def _pairs(
    source: Artifact, validation: object, model: ModelFacts | None, context: EstimateContext
) -> tuple[Figure | None, Figure | None, tuple[str, ...]]:
    """Pairs to train on, and the tokens of both sides of one."""
    foreseen = context.foreseen(source)
    if foreseen and not context.can_open(source):
        return foreseen["pairs"], foreseen["pair_tokens"], ("answers as long as they may be",)
    size = size_of(source, "train" if isinstance(source, Artifact) else None)
    pairs = source.metrics.get("pairs") if isinstance(source, Artifact) else None
    if pairs is None and size.rows is not None:
        pairs = rows_to_train_on(size.rows, source, validation, HELD_OUT_SHARE)
    return Figure(pairs) if pairs else None, foreseen.get("pair_tokens"), ("answers as long as they may be",)


def _count(config: Config, inputs: Inputs, model: ModelFacts, context: EstimateContext) -> RowPlan:
    """The pairs as the stage will order them."""
    from pipeline.models.loading import load_tokenizer
    from pipeline.stages.reward.pairs import split_pairs, token_pairs
    from pipeline.stages.reward.stage import arranged

    rows, _ = split_pairs(inputs.preferences, inputs.validation, context.seed)
    tokenizer = load_tokenizer(inputs.model.path)
    length = model.sizes.max_position_embeddings
    return arranged(config, token_pairs(tokenizer, rows, length, inputs.preferences.address), context.seed)
