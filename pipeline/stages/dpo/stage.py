"""Train a policy on pairs: what the reference finds of them, trl's DPOTrainer, what the policy then answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel, TokenizersBackend

from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.comparison import SAMPLES, comparison_figures, write_samples
from pipeline.data.course import Course, course_figures, open_course
from pipeline.data.course_config import COURSE
from pipeline.data.pairs import AnswerPairs, answer_pairs, split_pairs
from pipeline.models.device import on_own_device
from pipeline.models.loading import load_model, load_tokenizer, require_pad_token, save_model
from pipeline.stages.dpo.config import Config
from pipeline.stages.dpo.implicit import held_out_figures, pair_log_probs, reference_log_probs
from pipeline.stages.dpo.trainer import Measuring, pair_trainer
from pipeline.training.choices import choose
from pipeline.training.course import CourseLog
from pipeline.training.memory import shape_of
from pipeline.training.pairs import pair_plan
from pipeline.training.run import train

Open = Callable[[], PreTrainedModel]


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write the trained policy, `metrics.jsonl`, `course.jsonl` and `samples.jsonl`."""
    tokenizer = load_tokenizer(inputs.model.path)

    def reference() -> PreTrainedModel:
        return on_own_device(load_model(inputs.model.path, dtype=torch.float32))

    model = reference()
    rows, held_out = split_pairs(inputs.preferences, inputs.validation, context.seed)
    context_length = model.config.max_position_embeddings
    pairs = answer_pairs(tokenizer, rows, context_length, inputs.preferences.address)
    unseen = answer_pairs(tokenizer, held_out, context_length, f"{inputs.preferences.address} (held out)")
    course = open_course(
        config.course, inputs.course.prompts, held_out or rows, tokenizer, context_length, context
    )  # fmt: skip
    metrics, found, runtime = train_on(model, reference, tokenizer, pairs, unseen, course, config, context)
    if context.processes.is_main:
        save_model(model, tokenizer, context.output)
    metrics |= {"pairs": len(pairs)}
    if held_out:
        metrics |= held_out_figures(*found, unseen, held_out, config.beta)
    metrics |= compare(model, reference(), course, config, context)
    return Outcome(metrics, headline(metrics), runtime)


def train_on(
    model: PreTrainedModel, reference: Open, tokenizer: TokenizersBackend, pairs: AnswerPairs, unseen: AnswerPairs,
    course: Course, config: Config, context: StageContext,
) -> tuple[dict[str, Any], tuple[Any, Any], dict[str, Any]]:  # fmt: skip
    """Train `model`; metrics, what it and the reference find of the unseen pairs, and how it was computed."""
    conversations, pad_id = pairs.conversations, require_pad_token(tokenizer)
    plan = pair_plan(config.train, conversations.lengths, conversations.widths, context.seed)
    shape = shape_of(model, plan.longest, mean_length=plan.mean_length, mask_columns=plan.longest // 2)
    choices = choose(context, shape, config.train.global_batch_size)
    before, unseen_before = reference_log_probs(model, (pairs, unseen), pad_id, choices.precision, context)
    trainer = pair_trainer(model, tokenizer, pairs, before, config, plan.steps, choices, context)
    log = CourseLog(
        context.output / COURSE, plan.steps, config.course.points,
        lambda: course_figures(course.answers(model, reference())), context.processes,
    )  # fmt: skip
    trainer.add_callback(Measuring(log))
    metrics = train(trainer, config.train, plan.order, choices, plan.tokens_at, context)
    metrics["flops"] = plan.flops(shape.sizes, choices.micro_batch)
    after = pair_log_probs(model, unseen, pad_id, choices.precision, context)
    return metrics, (after, unseen_before), choices.runtime


def compare(
    policy: PreTrainedModel, reference: PreTrainedModel, course: Course, config: Config, context: StageContext
) -> dict[str, Any]:
    """Write the reference's and the policy's answers side by side, and say what changed."""
    sides = {"before": course.answers(reference, policy), "after": course.answers(policy, reference)}
    kl = course_figures(sides["after"])
    for name, sign in (("before", -config.beta), ("after", config.beta)):
        for answer in sides[name]:
            answer["score"] = sign * answer.pop("log_ratio")  # the implicit reward of the policy
    rows = [
        {"prompt": row["prompt"], "before": before, "after": after}
        for row, before, after in zip(course.rows, sides["before"], sides["after"], strict=True)
    ]
    if context.processes.is_main:
        write_samples(context.output / SAMPLES, rows)
    return {**comparison_figures(rows), "kl": kl["kl"], "kl_error": kl["kl_error"]}


def headline(metrics: dict[str, Any]) -> str:
    """What training gained and how far the policy went for it."""
    if "true_score_gain" in metrics:
        gain = f"true score {metrics['true_score_gain']:+.2f} ± {metrics['true_score_gain_error']:.2f}"
    elif "accuracy" in metrics:
        gain = f"accuracy {metrics['accuracy']:.3f} ± {metrics['accuracy_standard_error']:.3f}"
    else:
        gain = f"{metrics['steps']} steps"
    return f"{gain} at KL {metrics['kl']:.1f}"
