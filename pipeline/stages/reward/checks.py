"""Does the reward model know better from worse, on pairs it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, Verdict
from pipeline.stages.reward.config import Config

_SPREAD = 0.3
_SHORT_OF_CEILING = 0.08
_LENGTH_CORRELATION = 0.5
_TRUTH_CORRELATION = 0.5


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """Accuracy against chance and the ceiling, the spread of scores, what they go with."""
    figures = artifact.metrics
    if "accuracy" not in figures:
        return [Check("held-out pairs", 0, "at least 1", "warn", "give `validation`: nothing was measured")]
    checks = [above_chance(figures), spread(figures), goes_with_length(figures)]
    if "ceiling" in figures:
        checks += [near_ceiling(figures), goes_with_truth(figures)]
    return checks


def above_chance(figures: Mapping[str, Any]) -> Check:
    """The accuracy, less two standard errors, against a coin."""
    accuracy, error = figures["accuracy"], figures["accuracy_standard_error"]
    verdict: Verdict = "pass" if accuracy - 2 * error > 0.5 else "fail"
    advice = "more pairs, `start: fresh`, or another learning rate"
    return Check("held-out accuracy", round(accuracy, 4), f"above {0.5 + 2 * error:.3f}", verdict, advice)


def spread(figures: Mapping[str, Any]) -> Check:
    """Standard deviation of normalised held-out scores, and that of raw ones: one score for everything is no reward."""
    found = min(figures["score_spread"], figures["raw_std"])
    verdict: Verdict = "pass" if found > _SPREAD else "warn"
    return Check("score spread", round(found, 4), f"above {_SPREAD}", verdict, "train longer, or use `start: fresh`")


def near_ceiling(figures: Mapping[str, Any]) -> Check:
    """How far the accuracy is below that of the judge itself on the same labels."""
    short = figures["ceiling"] - figures["accuracy"]
    verdict: Verdict = "pass" if short <= _SHORT_OF_CEILING else "warn"
    return Check("accuracy below the ceiling", round(short, 4), f"at most {_SHORT_OF_CEILING}", verdict, "more pairs")


def goes_with_length(figures: Mapping[str, Any]) -> Check:
    """Correlation of score and length: a reward that is mostly length teaches length."""
    found = figures["length_correlation"]
    verdict: Verdict = "pass" if abs(found) <= _LENGTH_CORRELATION else "warn"
    advice = "balance the pairs' lengths"
    return Check("correlation with length", round(found, 4), f"within {_LENGTH_CORRELATION}", verdict, advice)


def goes_with_truth(figures: Mapping[str, Any]) -> Check:
    """Correlation of score and the judge's."""
    found = figures["truth_correlation"]
    verdict: Verdict = "pass" if found >= _TRUTH_CORRELATION else "warn"
    return Check("correlation with the judge", round(found, 4), f"at least {_TRUTH_CORRELATION}", verdict, "more pairs")
