"""Did the policy gain what it should, and at what price?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, Verdict
from pipeline.stages.ppo.config import Config

COLLAPSED_KL = 50.0
"""Nats per answer beyond which nothing of the reference is left; sound runs of the tiny chain end at 11 at most."""
FAR_KL = 25.0
QUALITY_LOSS = 0.1
"""How much of a known quality (grammar, format) training may cost before a warning."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """KL, entropy, endings, gain of score against gain of length, clipped share, and the truth where it is known.

    Figures that are not numbers never come here: the trainer stops at them.
    """
    figures = artifact.metrics
    return [
        divergence(figures["kl"]),
        Check("entropy per token", round(figures["entropy"], 4), "at least 0.05 nats",
              graded(warn=figures["entropy"] < 0.05), "the answers are all but the same: raise kl_coefficient"),
        Check("answers that end", round(figures["ended_after"], 4), "at least 0.9, or as often as before",
              graded(warn=figures["ended_after"] < min(0.9, figures["ended_before"] - 0.05)),
              "raise scores.missing_end_penalty or sampling.max_new_tokens"),
        gain(figures, "score", "lower learning_rate or kl_coefficient, or raise steps"),
        length_drift(figures),
        Check("clipped tokens", round(figures["clip_fraction"], 4), "at most 0.3",
              graded(warn=figures["clip_fraction"] > 0.3), "lower learning_rate or update.epochs"),
        *truth(figures),
    ]  # fmt: skip


def graded(*, warn: bool, fail: bool = False) -> Verdict:
    """The worst verdict that holds."""
    return "fail" if fail else "warn" if warn else "pass"


def divergence(kl: float) -> Check:
    """Distance from the reference in nats per answer, at the last update."""
    advice = "raise kl_coefficient or lower learning_rate: far from the reference the reward model knows nothing"
    verdict = graded(warn=kl > FAR_KL, fail=kl > COLLAPSED_KL)
    return Check(
        "KL from the reference", round(kl, 3), f"at most {FAR_KL:g}, never above {COLLAPSED_KL:g}", verdict, advice
    )


def gain(figures: Mapping[str, Any], name: str, advice: str) -> Check:
    """A figure's gain over the reference on the same prompts, against its standard error."""
    value, error = figures[f"{name}_gain"], figures[f"{name}_gain_error"]
    title = f"{name.replace('_', ' ')} gained"
    return Check(
        title, round(value, 4), f"above {2 * error:.3f}, two standard errors", graded(warn=value <= 2 * error), advice
    )


def length_drift(figures: Mapping[str, Any]) -> Check:
    """How many times as long the answers became: a score may be bought by length alone."""
    ratio = figures["tokens_after"] / max(figures["tokens_before"], 1)
    advice = "compare scores at equal length; the reward may count words"
    return Check("length, after : before", round(ratio, 3), "0.6 to 1.6", graded(warn=not 0.6 <= ratio <= 1.6), advice)


def truth(figures: Mapping[str, Any]) -> list[Check]:
    """The same for what is known to be true: the score may rise alone, and everything else fall with the language."""
    if "true_score_gain" not in figures:
        return []
    names = [name.removesuffix("_gain") for name in figures if name.startswith("true_") and name.endswith("_gain")]
    return [
        gain(
            figures, "true_score", "the reward model and the truth part ways: better pairs, or a higher kl_coefficient"
        )
    ] + [quality(figures, name) for name in names if name != "true_score"]


def quality(figures: Mapping[str, Any], name: str) -> Check:
    """A true quality must not be the price of the score."""
    change, error = figures[f"{name}_gain"], figures[f"{name}_gain_error"]
    lost = -change > QUALITY_LOSS + 2 * error
    title = f"change of {name.removeprefix('true_')}"
    return Check(title, round(change, 4), f"no loss above {QUALITY_LOSS:g}", graded(warn=lost), "raise kl_coefficient")
