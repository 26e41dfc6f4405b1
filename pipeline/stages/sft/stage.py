"""Fine-tune on demonstrations: conversations as tokens, trl's SFTTrainer, answers to held-out prompts."""

from __future__ import annotations

import numpy as np
import torch
from datasets import Dataset

from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.adopting import open_model, resolved, tell
from pipeline.data.supervised import Lessons, lessons_of, split_conversations
from pipeline.data.trial import trial, write_answers
from pipeline.models.loading import save_model
from pipeline.stages.sft.config import Config
from pipeline.training.adapters import finished, with_adapter
from pipeline.training.choices import choose
from pipeline.training.length import steps_of
from pipeline.training.memory import shape_of
from pipeline.training.order import EpochOrder
from pipeline.training.rows import RowPlan
from pipeline.training.run import train
from pipeline.training.strategy import require_offered
from pipeline.training.supervised import mean_loss, packed_rows, supervised_trainer, token_rows


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Train on the data's conversations, and measure on held-out ones."""
    require_offered("sft")
    model, adopted = open_model(inputs.model.path, torch.float32, resolved(config, inputs))
    changed, tokenizer = tell(adopted, config.lora, context), adopted.tokenizer
    model = with_adapter(model, config.lora, context.seed)
    context_length = model.config.max_position_embeddings
    conversations, held_out = split_conversations(inputs.data, inputs.validation, context.seed)
    lessons = lessons_of(
        tokenizer, conversations, loss_on=config.loss_on, context_length=context_length, address=inputs.data.address
    )
    data, rows = arranged(config, lessons, context_length, context.seed)
    mask = {"mask_columns": rows.longest, "rows_see_each_other": True} if config.packing else {}
    shape = shape_of(model, rows.longest, mean_length=rows.mean_length, **mask)
    choices = choose(context, shape, config.train.global_batch_size)
    trainer = supervised_trainer(model, tokenizer, data, config.train, rows.steps, choices, context)
    metrics = train(trainer, config.train, rows.order, choices, rows.tokens_at, context)
    metrics["flops"] = rows.flops(shape.sizes, choices.micro_batch, frozen=config.lora is not None)
    model = finished(trainer.model, inputs.model.address, context)
    metrics |= {
        **changed,
        "rows": len(conversations),
        "loss_tokens": lessons.loss_tokens,
        "held_out_rows": len(held_out),
    }
    if held_out:
        unseen = lessons_of(
            tokenizer, held_out, loss_on=config.loss_on, context_length=context_length, address="validation"
        )
        metrics["validation_loss"] = mean_loss(model, unseen.input_ids, unseen.labels)
    figures, answers = trial(
        model, tokenizer, inputs.data, held_out, context,
        count=config.sampled_answers, max_new_tokens=config.max_new_tokens,
    )  # fmt: skip
    if context.processes.is_main:
        save_model(model, tokenizer, context.output)
        write_answers(context.output / "samples.jsonl", answers)
    return Outcome({**metrics, **figures}, headline({**metrics, **figures}), choices.runtime)


def arranged(config: Config, lessons: Lessons, context_length: int, seed: int) -> tuple[Dataset, RowPlan]:
    """The conversations as rows, packed where the settings say so, and the rows in order."""
    data = token_rows(lessons.input_ids, lessons.labels)
    if config.packing:
        data = packed_rows(data, context_length)
    lengths = np.array([len(ids) for ids in data["input_ids"]])
    steps = steps_of(config.train, len(lengths), float(lengths.mean()))
    return data, RowPlan(lengths, EpochOrder(len(lengths), config.train.global_batch_size, steps, seed), lengths)


def headline(metrics: dict[str, float]) -> str:
    """The result in a few words."""
    parts = [f"loss {metrics['validation_loss']:.3f}"] if "validation_loss" in metrics else []
    named = (("ended_share", "end"), ("format_share", "keep to the format"))
    parts += [f"{metrics[name]:.0%} of answers {words}" for name, words in named if name in metrics]
    return ", ".join(parts) or f"{metrics['steps']} steps"
