"""The policy measured in the course of its training, on the same prompts each time, as the stage's `course` says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.core.stage import Inputs, StageContext
from pipeline.data.course import course_figures, open_course
from pipeline.data.course_config import COURSE
from pipeline.training.course import CourseLog

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend

    from pipeline.stages.ppo.networks import Policy
    from pipeline.stages.ppo.trainer import Trainer


def course_log(
    trainer: Trainer, inputs: Inputs, tokenizer: TokenizersBackend, context: StageContext
) -> CourseLog | None:
    """Where its rows go; None where nothing is measured."""
    config = trainer.config
    if config.course is None:
        return None
    own = [{"prompt": prompt.messages} for prompt in trainer.environment.prompts]
    length = trainer.policy.model.config.max_position_embeddings
    course = open_course(config.course, inputs.course.prompts, own, tokenizer, length, context)

    def measured() -> dict[str, float]:
        policy, _ = trainer.readers()
        return course_figures(course.answers(lambda: opened(policy), lambda: opened(trainer.reference)))

    return CourseLog(context.output / COURSE, config.steps, config.course.points, measured, context.processes)


@contextmanager
def opened(policy: Policy) -> Iterator[PreTrainedModel]:
    """The model of a policy, with the adapter on or off as the policy has it."""
    with policy.using():
        yield policy.model
