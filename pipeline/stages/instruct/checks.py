"""Did tuning teach anything: tokens that bear loss, and answers to each source's prompts that end."""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.data.trial_checks import answer_checks, loss_checks
from pipeline.stages.instruct.config import Config
from pipeline.stages.instruct.sources import short_name


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The loss, and the sampled answers of each source."""
    figures = artifact.metrics
    names = [short_name(entry.data.address) for entry in inputs.mixture]
    return [*loss_checks(figures), *(check for name in names for check in answer_checks(figures, f"{name}_"))]
