"""Did tuning teach anything: what bears loss, and each source's answers, which must end and heed their prompts."""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.data.trial_checks import answer_checks, lesson_checks
from pipeline.stages.instruct.config import Config
from pipeline.stages.instruct.sources import short_name
from pipeline.training.checks import loss_fell


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The loss, and of each source the lessons and the sampled answers."""
    figures = artifact.metrics
    prefixes = [f"{short_name(entry.data.address)}_" for entry in inputs.mixture]
    by_source = [[*lesson_checks(figures, prefix), *answer_checks(figures, prefix)] for prefix in prefixes]
    return [*lesson_checks(figures), loss_fell(artifact), *(check for checks in by_source for check in checks)]
