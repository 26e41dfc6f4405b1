"""Did pretraining learn: against simpler models, and against the text's own entropy where that is known."""

from __future__ import annotations

from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, Verdict
from pipeline.stages.pretrain.config import Config

_NEAR_FLOOR = 0.02
_BELOW_FLOOR = -0.002
"""Nats per character. Choosing documents lowers the floor a little; more than this is a leak or a wrong count."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The loss fell, is below the unigram's and the bigram's, and near the floor but not under it."""
    figures = artifact.metrics
    checks = [loss_fell(figures), *(beats(figures, name) for name in ("unigram", "bigram"))]
    if "excess_nats_per_char" in figures:
        checks.append(gap_to_floor(figures["excess_nats_per_char"]))
    return checks


def loss_fell(figures: dict[str, Any]) -> Check:
    """The training loss of the last tenth of the logs against the first."""
    fall = figures["first_loss"] - figures["last_loss"]
    verdict: Verdict = "pass" if fall > 0 else "fail"
    return Check("loss fell", round(fall, 4), "above 0", verdict, "train longer, or change train.learning_rate")


def beats(figures: dict[str, Any], baseline: str) -> Check:
    """The model's bits per byte against a simpler model's; worse than single-token frequencies is useless."""
    difference = figures["bits_per_byte"] - figures[f"{baseline}_bits_per_byte"]
    below: Verdict = "fail" if baseline == "unigram" else "warn"
    verdict: Verdict = "pass" if difference < 0 else below
    return Check(
        f"bits per byte, less the {baseline} model's", round(difference, 4), "below 0", verdict, "train longer"
    )


def gap_to_floor(excess: float) -> Check:
    """Nats per character above the exact entropy of the text."""
    verdict: Verdict = "fail" if excess < _BELOW_FLOOR else "pass" if excess <= _NEAR_FLOOR else "warn"
    advice = ("a loss below the entropy is a fault: labels leak, or characters are miscounted" if excess < 0
              else "train longer")  # fmt: skip
    expected = f"from {_BELOW_FLOOR} to {_NEAR_FLOOR}"
    return Check("nats per character above the floor", round(excess, 5), expected, verdict, advice)
