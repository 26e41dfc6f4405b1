"""Does the reward model know better from worse, on pairs it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.data.pair_checks import above_chance, goes_with_length, goes_with_truth, near_ceiling
from pipeline.stages.reward.config import Config
from pipeline.training.checks import loss_fell

_SPREAD = 0.3
_ONE_SCORE = 1e-3
"""A raw deviation below this is rounding and no opinion."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """Accuracy against chance and the ceiling, the spread of scores, what they go with."""
    figures = artifact.metrics
    checks = [loss_fell(artifact)]
    if "accuracy" not in figures:
        return [*checks, Check("held-out pairs", 0, "at least 1", "warn", "give `validation`: nothing was measured")]
    checks += [above_chance(figures), spread(figures), goes_with_length(figures)]
    if "ceiling" in figures:
        checks += [near_ceiling(figures), goes_with_truth(figures)]
    return checks


def spread(figures: Mapping[str, Any]) -> Check:
    """Standard deviation of normalised held-out scores, and that of raw ones: one score for everything is no reward."""
    found = min(figures["score_spread"], figures["raw_std"])
    verdict = graded(warn=found <= _SPREAD, fail=found < _ONE_SCORE)
    advice = "it says nearly the same of every answer: lower train.learning_rate, train longer, or use `start: fresh`"
    return Check("score spread", round(found, 4), f"above {_SPREAD}, never below {_ONE_SCORE}", verdict, advice)
