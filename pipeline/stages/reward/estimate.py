"""What training a reward model takes; imports no torch unless it is to probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.core.estimates import Estimate, EstimateContext
from pipeline.core.stage import Inputs
from pipeline.data.sizes import pairs_to_train_on
from pipeline.stages.reward.config import Config
from pipeline.training.estimate import ModelFacts, model_facts, training_estimate
from pipeline.training.pairs import pair_facts, pair_plan

if TYPE_CHECKING:
    from pipeline.training.rows import RowPlan


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Pairs by the preferences, each as two rows of one batch."""
    base = model_facts(inputs.model, context)
    model = None if base is None else scorer(base)
    count, tokens = pairs_to_train_on(inputs.preferences, inputs.validation, context)
    facts = pair_facts(count, tokens, model, inputs, context)
    rows = None
    if context.probe and model and context.can_open(inputs.model, inputs.preferences):
        rows = _counted(config, inputs, model, context)
    return training_estimate(model, config.train, facts, context, lora=config.lora, rows=rows)


def scorer(base: ModelFacts) -> ModelFacts:
    """The reward model on this trunk: one score in place of the vocabulary."""
    sizes = replace(base.sizes, labels=1)
    tied = base.sizes.tie_word_embeddings
    change = sizes.head_matrix - (0 if tied else base.sizes.head_matrix)
    return replace(base, sizes=sizes, parameters=base.parameters.then(lambda count: count + change))


def _counted(config: Config, inputs: Inputs, model: ModelFacts, context: EstimateContext) -> RowPlan:
    """The pairs as the stage will order them."""
    from pipeline.data.pairs import training_pairs

    pairs = training_pairs(inputs, model.sizes.max_position_embeddings, context.seed)
    return pair_plan(config.train, pairs.lengths, pairs.widths, context.seed)
