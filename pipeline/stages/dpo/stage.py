"""Train a policy on pairs: what the reference finds of them, trl's DPOTrainer, what the policy then answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import TokenizersBackend

from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.adopting import open_model, tell
from pipeline.data.comparison import SAMPLES, comparison_figures, write_samples
from pipeline.data.course import Course, course_figures, open_course
from pipeline.data.course_config import COURSE
from pipeline.data.pairs import AnswerPairs, answer_pairs, split_pairs
from pipeline.models.device import on_own_device
from pipeline.models.loading import require_pad_token, save_model
from pipeline.stages.dpo.config import Config
from pipeline.stages.dpo.costs import pair_step_bytes
from pipeline.stages.dpo.implicit import LogProbs, held_out_figures, pair_log_probs, reference_log_probs
from pipeline.stages.dpo.reference import PolicyAndReference
from pipeline.stages.dpo.trainer import Measuring, pair_trainer
from pipeline.training.adapters import finished, with_adapter
from pipeline.training.choices import choose
from pipeline.training.course import CourseLog
from pipeline.training.memory import shape_of
from pipeline.training.pairs import pair_plan
from pipeline.training.run import train
from pipeline.training.strategy import require_offered


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write the trained policy, `metrics.jsonl`, `course.jsonl` and `samples.jsonl`."""
    require_offered("dpo")
    model, adopted = open_model(inputs.model.path, torch.float32)
    changed, tokenizer = tell(adopted, config.lora, context), adopted.tokenizer
    model = on_own_device(model)
    model = with_adapter(model, config.lora, context.seed)
    rows, held_out = split_pairs(inputs.preferences, inputs.validation, context.seed)
    length, address = model.config.max_position_embeddings, inputs.preferences.address
    pairs = answer_pairs(tokenizer, rows, length, address)
    unseen = answer_pairs(tokenizer, held_out, length, f"{address} (held out)")
    course = open_course(config.course, inputs.course.prompts, held_out or rows, tokenizer, length, context)
    models = PolicyAndReference(model, inputs.model.path)

    def measured() -> dict[str, float]:
        return course_figures(course.answers(models.policy, models.reference))

    metrics, found, runtime = train_on(model, tokenizer, (pairs, unseen), measured, config, context)
    metrics |= changed | compare(models, course, config, context)
    if held_out:
        metrics |= held_out_figures(*found, unseen, held_out, config.beta)
    with models.policy() as policy:
        model = finished(policy, inputs.model.address, context)
    if context.processes.is_main:
        save_model(model, tokenizer, context.output)
    return Outcome(metrics, headline(metrics), runtime)


def train_on(
    model: Any, tokenizer: TokenizersBackend, sets: tuple[AnswerPairs, AnswerPairs], measured: Callable[[], Any],
    config: Config, context: StageContext,
) -> tuple[dict[str, Any], tuple[LogProbs, LogProbs], dict[str, Any]]:  # fmt: skip
    """Train `model` on the first set; metrics, what it and the reference find of the second, how it was computed.

    `measured` is called before, during and after.
    """
    pairs, unseen = sets
    conversations, pad_id = pairs.conversations, require_pad_token(tokenizer)
    plan = pair_plan(config.train, conversations.lengths, conversations.widths, context.seed)
    shape = shape_of(model, plan.longest, mean_length=plan.mean_length, mask_columns=plan.longest // 2)
    choices = choose(context, shape, config.train.global_batch_size, pair_step_bytes)
    reference, unseen_reference = reference_log_probs(model, sets, pad_id, choices.precision, context)
    trainer: Any = pair_trainer(model, tokenizer, pairs, reference, config, plan.steps, choices, context)
    log = CourseLog(context.output / COURSE, plan.steps, config.course.points, measured, context.processes)
    trainer.add_callback(Measuring(log))
    metrics = train(trainer, config.train, plan.order, choices, plan.tokens_at, context)
    metrics["flops"] = plan.flops(shape.sizes, choices.micro_batch, frozen=config.lora is not None)
    metrics["pairs"] = len(pairs)
    found = pair_log_probs(trainer.model, unseen, pad_id, choices.precision, context)
    return metrics, (found, unseen_reference), choices.runtime


def compare(models: PolicyAndReference, course: Course, config: Config, context: StageContext) -> dict[str, Any]:
    """Write the reference's and the policy's answers side by side, and say what changed.

    An answer's score is its implicit reward.
    """
    before = course.answers(models.reference, models.policy)
    after = course.answers(models.policy, models.reference)
    distance = course_figures(after)
    for answers, sign in ((before, -config.beta), (after, config.beta)):
        for answer in answers:
            answer["score"] = sign * answer.pop("log_ratio")
    rows = [
        {"prompt": row["prompt"], "before": first, "after": second}
        for row, first, second in zip(course.rows, before, after, strict=True)
    ]
    if context.processes.is_main:
        write_samples(context.output / SAMPLES, rows)
    return {**comparison_figures(rows), "kl": distance["kl"], "kl_error": distance["kl_error"]}


def headline(metrics: dict[str, Any]) -> str:
    """What training gained and how far the policy went for it."""
    if "true_score_gain" in metrics:
        gain = f"true score {metrics['true_score_gain']:+.2f} ± {metrics['true_score_gain_error']:.2f}"
    elif "accuracy" in metrics:
        gain = f"accuracy {metrics['accuracy']:.3f} ± {metrics['accuracy_standard_error']:.3f}"
    else:
        gain = f"{metrics['steps']} steps"
    return f"{gain} at KL {metrics['kl']:.1f}"
