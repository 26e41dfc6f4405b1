"""Train a reward model: pairs as tokens, a scalar head, trl's RewardTrainer, scores of held-out pairs."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel, TokenizersBackend
from trl import RewardConfig, RewardTrainer

from pipeline.core.artifact import write_json
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.adopting import adopted_tokenizer, open_classifier, resolved, tell
from pipeline.data.pair_figures import calibration, pair_figures
from pipeline.data.pairs import TokenPairs, split_pairs, token_pairs
from pipeline.models.loading import save_model
from pipeline.models.scoring import SCORES_FILE, RewardScorer
from pipeline.stages.reward.config import Config
from pipeline.training.adapters import finished, keep_dropout, with_adapter
from pipeline.training.arguments import training_arguments
from pipeline.training.choices import choose
from pipeline.training.memory import shape_of
from pipeline.training.order import OrderedRows
from pipeline.training.pairs import pair_plan
from pipeline.training.parted import PartedCheckpoints
from pipeline.training.run import train
from pipeline.training.strategy import require_offered


class PairTrainer(OrderedRows, PartedCheckpoints, RewardTrainer):
    """trl's RewardTrainer, reading pairs in our order."""


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Train on the pairs, standardise the scores, and measure on held-out pairs."""
    require_offered("reward")
    adopted = adopted_tokenizer(inputs.model.path, resolved(config, inputs))
    changed, tokenizer = tell(adopted, config.lora, context), adopted.tokenizer
    model = open_classifier(adopted, config.start, context.seed, torch.float32)
    model = with_adapter(model, config.lora, context.seed)
    rows, held_out = split_pairs(inputs.preferences, inputs.validation, context.seed)
    context_length = model.config.max_position_embeddings
    pairs = token_pairs(tokenizer, rows, context_length, inputs.preferences.address)
    unseen = token_pairs(tokenizer, held_out, context_length, f"{inputs.preferences.address} (held out)")
    model, metrics, runtime = train_on(model, tokenizer, pairs, config, context)
    model = finished(model, inputs.model.address, context)
    scorer, spread = standardised(model, tokenizer, pairs, config.standardisation_pairs)
    if context.processes.is_main:
        save_model(model, tokenizer, context.output)
        write_json(context.output / SCORES_FILE, {"mean": scorer.mean, "std": scorer.std})
    metrics |= {**changed, "raw_mean": scorer.mean, "raw_std": spread, "pairs": len(rows)}
    if held_out:
        metrics |= held_out_figures(scorer, unseen, held_out)
    return Outcome(metrics, headline(metrics), runtime)


def train_on(
    model: PreTrainedModel,
    tokenizer: TokenizersBackend,
    pairs: TokenPairs,
    config: Config,
    context: StageContext,
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Train `model` on `pairs`; the model, the metrics of the training, and how it was computed."""
    rows = pair_plan(config.train, pairs.lengths, pairs.widths, context.seed)
    shape = shape_of(
        model, rows.longest, mean_length=rows.mean_length, mask_columns=rows.longest // 2
    )  # trl masks the padding of both sides
    choices = choose(context, shape, config.train.global_batch_size)
    trainer = PairTrainer(
        model=model,
        args=RewardConfig(
            **training_arguments(config.train, rows.steps, choices, context),
            max_length=None,  # pairs were checked against the context; none is dropped
            center_rewards_coefficient=config.center_scores,
        ),
        train_dataset=Dataset.from_dict({"chosen_ids": pairs.chosen, "rejected_ids": pairs.rejected}),
        processing_class=tokenizer,
    )
    keep_dropout(model, config.lora)
    metrics = train(trainer, config.train, rows.order, choices, rows.tokens_at, context)
    metrics["flops"] = rows.flops(shape.sizes, choices.micro_batch, frozen=config.lora is not None)
    return trainer.model, metrics, choices.runtime


def standardised(
    model: PreTrainedModel, tokenizer: TokenizersBackend, pairs: TokenPairs, count: int
) -> tuple[RewardScorer, float]:
    """A scorer whose scores of the first `count` training pairs have mean 0 and deviation 1; and the raw deviation.

    A model that gives one score to everything keeps its scale; the check on the spread says so.
    """
    raw = RewardScorer(model, tokenizer).score_ids([*pairs.chosen[:count], *pairs.rejected[:count]])
    mean, std = float(raw.mean()), float(raw.std())
    return RewardScorer(model, tokenizer, mean, std if std > 1e-6 else 1.0), std


def held_out_figures(scorer: RewardScorer, pairs: TokenPairs, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy, calibration and the rest on held-out pairs."""
    scores = [scorer.score_ids(side).tolist() for side in (pairs.chosen, pairs.rejected)]
    lengths = [len(ids) for ids in (*pairs.chosen, *pairs.rejected)]
    log_odds = [(chosen - rejected) * scorer.std for chosen, rejected in zip(*scores, strict=True)]
    return pair_figures(scores[0], scores[1], rows, lengths) | calibration(log_odds)


def headline(metrics: dict[str, Any]) -> str:
    """The result in a few words."""
    if "accuracy" not in metrics:
        return f"{metrics['steps']} steps"
    text = f"accuracy {metrics['accuracy']:.3f} ± {metrics['accuracy_standard_error']:.3f}"
    return text + (f" of at most {metrics['ceiling']:.3f}" if "ceiling" in metrics else "")
