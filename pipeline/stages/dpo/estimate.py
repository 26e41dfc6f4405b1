"""What training on pairs takes; imports no torch unless it is to probe."""

from __future__ import annotations

from pipeline.core.estimates import Estimate, EstimateContext
from pipeline.core.stage import Inputs
from pipeline.data.sizes import pairs_to_train_on
from pipeline.stages.dpo.config import Config
from pipeline.stages.dpo.costs import pair_step_bytes
from pipeline.training.estimate import model_facts, training_estimate
from pipeline.training.pairs import pair_facts, pair_plan


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Pairs by the preferences, each as two rows of one batch.

    The reference takes no memory of a training step: its log-probabilities are computed before the first, and where
    the policy is measured it is opened while there are no gradients.
    """
    model = model_facts(inputs.model, context)
    count, tokens = pairs_to_train_on(inputs.preferences, inputs.validation, context)
    facts = pair_facts(count, tokens, model, inputs, context)
    rows = None
    if context.probe and model and context.can_open(inputs.model, inputs.preferences):
        from pipeline.data.pairs import training_pairs

        pairs = training_pairs(inputs, model.sizes.max_position_embeddings, context.seed)
        rows = pair_plan(config.train, pairs.lengths, pairs.widths, context.seed)
    return training_estimate(model, config.train, facts, context, lora=config.lora, rows=rows, needed=pair_step_bytes)
