"""Did fine-tuning teach anything: tokens that bear loss, answers that end, differ and keep to what was asked."""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.data.trial_checks import answer_checks, loss_checks
from pipeline.stages.sft.config import Config


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The loss and the sampled answers."""
    return [*loss_checks(artifact.metrics), *answer_checks(artifact.metrics)]
