"""Tune on a mixture: sources as tokens, batches by weight and length, trl's SFTTrainer, answers to held-out prompts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, TokenizersBackend

from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.adopting import open_model, resolved, tell
from pipeline.data.supervised import Rows
from pipeline.data.trial import trial, write_answers
from pipeline.models.loading import save_model
from pipeline.stages.instruct.config import Config
from pipeline.stages.instruct.mixing import mixed_order
from pipeline.stages.instruct.sources import Source, open_sources
from pipeline.training.adapters import finished, with_adapter
from pipeline.training.choices import choose
from pipeline.training.length import steps_of
from pipeline.training.memory import shape_of
from pipeline.training.rows import RowPlan
from pipeline.training.run import train
from pipeline.training.strategy import require_offered
from pipeline.training.supervised import mean_loss, supervised_trainer, token_rows


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Train on the mixture, and measure on what is held out of each source."""
    require_offered("instruct")
    model, adopted = open_model(inputs.model.path, torch.float32, resolved(config, inputs))
    changed, tokenizer = tell(adopted, config.lora, context), adopted.tokenizer
    model = with_adapter(model, config.lora, context.seed)
    sources = open_sources(config, inputs, tokenizer, model.config.max_position_embeddings, context.seed)
    input_ids = [ids for source in sources for ids in source.lessons.input_ids]
    labels = [row for source in sources for row in source.lessons.labels]
    rows = arranged(config, sources, context.seed)
    shape = shape_of(model, rows.longest, mean_length=rows.mean_length)
    choices = choose(context, shape, config.train.global_batch_size)
    data = token_rows(input_ids, labels)
    trainer = supervised_trainer(model, tokenizer, data, config.train, rows.steps, choices, context)
    metrics = train(trainer, config.train, rows.order, choices, rows.tokens_at, context)
    metrics["flops"] = rows.flops(shape.sizes, choices.micro_batch, frozen=config.lora is not None)
    model = finished(trainer.model, inputs.model.address, context)
    metrics |= {**changed, "rows": len(input_ids), "loss_tokens": sum(source.lessons.loss_tokens for source in sources)}
    figures, answers = measure(config, model, tokenizer, sources, context)
    if context.processes.is_main:
        save_model(model, tokenizer, context.output)
        write_answers(context.output / "samples.jsonl", answers)
    return Outcome({**metrics, **figures}, headline(figures, sources), choices.runtime)


def arranged(config: Config, sources: list[Source], seed: int) -> RowPlan:
    """The rows of all sources in order: by weight, and of like length within a batch."""
    lengths = [source.lessons.lengths for source in sources]
    weights = [source.weight for source in sources]
    mean_length = np.average([float(source.mean()) for source in lengths], weights=weights)
    steps = steps_of(config.train, sum(map(len, lengths)), float(mean_length))
    batch_size = config.train.global_batch_size
    order = mixed_order(lengths, weights, batch_size, steps, seed, config.group_by_length)
    return RowPlan(np.concatenate(lengths), order, np.concatenate(lengths))


def measure(
    config: Config, model: PreTrainedModel, tokenizer: TokenizersBackend, sources: list[Source], context: StageContext
) -> tuple[dict[str, Any], Rows]:
    """Held-out loss and sampled answers of each source; figures are named `SOURCE_figure`."""
    figures: dict[str, Any] = {}
    answers: Rows = []
    for source in sources:
        if not source.held_out:
            continue
        figures[f"{source.name}_validation_loss"] = mean_loss(model, source.unseen.input_ids, source.unseen.labels)
        found, rows = trial(
            model, tokenizer, source.data, source.held_out, context,
            count=config.sampled_answers, max_new_tokens=config.max_new_tokens,
        )  # fmt: skip
        figures |= {f"{source.name}_{name}": value for name, value in found.items()}
        answers += [{"source": source.name, **row} for row in rows]
    return figures, answers


def headline(figures: dict[str, Any], sources: list[Source]) -> str:
    """The result in a few words."""
    losses = [f"{source.name} {figures[f'{source.name}_validation_loss']:.3f}" for source in sources if source.held_out]
    return "held-out loss: " + ", ".join(losses) if losses else "trained"
