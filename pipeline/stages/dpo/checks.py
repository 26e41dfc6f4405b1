"""Did the policy learn what is preferred, and at what price?"""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.data.comparison import SAMPLES
from pipeline.data.comparison_checks import (
    at_like_length,
    different_answers,
    divergence,
    ended,
    length_drift,
    truth,
)
from pipeline.data.pair_checks import above_chance, goes_with_length, goes_with_truth, near_ceiling
from pipeline.stages.dpo.config import Config
from pipeline.training.checks import loss_fell
from pipeline.training.metrics import read_rows

NEARER = "raise beta"


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The implicit reward on held-out pairs; KL, endings, length and the truth of the policy's own answers.

    The score of an answer is its implicit reward: among answers of like length it must have risen, too.
    """
    figures, samples = artifact.metrics, read_rows(artifact.path / SAMPLES)
    checks = [loss_fell(artifact)]
    if "accuracy" in figures:
        checks += [above_chance(figures), goes_with_length(figures)]
    else:
        checks.append(Check("held-out pairs", 0, "at least 1", "warn", "give `validation`: nothing was measured"))
    if "ceiling" in figures:
        checks += [near_ceiling(figures), goes_with_truth(figures)]
    return [
        *checks,
        divergence(figures["kl"], figures["tokens_after"], NEARER),
        different_answers(samples, NEARER),
        ended(figures, len(samples), f"{NEARER}, or raise course.max_new_tokens if answers are cut"),
        length_drift(figures),
        *at_like_length(samples, NEARER),
        *truth(figures, NEARER),
    ]
