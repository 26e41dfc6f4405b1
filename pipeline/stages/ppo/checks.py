"""Did the policy gain what it should, and at what price?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.data.comparison import SAMPLES
from pipeline.data.comparison_checks import (
    at_like_length,
    different_answers,
    divergence,
    ended,
    gain,
    length_drift,
    truth,
)
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.watching import EXPLAINED
from pipeline.training.metrics import METRICS, read_rows

ONE_SCORE = 1e-6
NEARER = "raise kl_coefficient"


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The reward's spread, KL, entropy, endings, gain of score against gain of length, clipped share, and the truth.

    Figures that are not numbers never come here: the trainer stops at them.
    """
    figures, updates, samples = artifact.metrics, read_rows(artifact.path / METRICS), read_rows(artifact.path / SAMPLES)
    return [
        reward_spread(updates[0], config.global_batch_size),
        divergence(figures["kl"], figures["response_length"], NEARER),
        Check("entropy per token", round(figures["entropy"], 4), "at least 0.05 nats",
              graded(warn=figures["entropy"] < 0.05), "the answers are all but the same: raise kl_coefficient"),
        different_answers(samples, NEARER),
        ended(figures, len(samples), "raise scores.missing_end_penalty or sampling.max_new_tokens"),
        gain(figures, "score", "lower learning_rate or kl_coefficient, or raise steps"),
        length_drift(figures),
        *at_like_length(samples, NEARER),
        Check("clipped tokens", round(figures["clip_fraction"], 4), "at most 0.3",
              graded(warn=figures["clip_fraction"] > 0.3), "lower learning_rate or update.epochs"),
        critic(updates),
        *truth(figures, NEARER),
    ]  # fmt: skip


def reward_spread(first: Mapping[str, Any], answers: int) -> Check:
    """Standard deviation of the scores at the first update, of the answers of the reference itself."""
    spread = first["score_error"] * math.sqrt(max(answers - 1, 1))
    return Check(
        "spread of the reward",
        round(spread, 4),
        f"above {ONE_SCORE:g} ({answers} answers)",
        graded(fail=spread < ONE_SCORE),
        "the reward says the same of every answer, so there is nothing to learn: look at it",
    )


def critic(updates: Sequence[Mapping[str, Any]]) -> Check:
    """Share of the returns' variance that the critic foresaw, over the last quarter of the updates."""
    explained = fmean(row["explained_variance"] for row in updates[-max(len(updates) // 4, 1) :])
    return Check(
        "returns explained by the critic",
        round(explained, 4),
        f"at least {EXPLAINED:g}",
        graded(warn=explained < EXPLAINED),
        "raise critic_learning_rate or critic.warmup_steps, or bring scores to the size of 1 (scores.normalize)",
    )
