"""Did fine-tuning teach anything: what bears loss, answers that end, differ, heed the prompt, keep to the format."""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.data.trial_checks import answer_checks, lesson_checks
from pipeline.stages.sft.config import Config
from pipeline.training.checks import loss_fell


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The lessons, the loss and the sampled answers."""
    figures = artifact.metrics
    return [*lesson_checks(figures), loss_fell(artifact), *answer_checks(figures)]
