"""Did the policy gain what it should, and at what price?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.data.estimates import matched_difference
from pipeline.stages.ppo.comparison import SAMPLES
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.watching import EXPLAINED, far_kl
from pipeline.training.metrics import METRICS, read_rows

QUALITY_LOSS, QUALITY_LOST = 0.1, 0.5
"""How much of a known quality (grammar, format) training may cost before a warning, and before it is a failure."""
ONE_SCORE = 1e-6
FEW_TEXTS = 0.2
"""Of the different answers that there were before."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The reward's spread, KL, entropy, endings, gain of score against gain of length, clipped share, and the truth.

    Figures that are not numbers never come here: the trainer stops at them.
    """
    figures, updates, samples = artifact.metrics, read_rows(artifact.path / METRICS), read_rows(artifact.path / SAMPLES)
    return [
        reward_spread(updates[0], config.global_batch_size),
        divergence(figures["kl"], figures["response_length"]),
        Check("entropy per token", round(figures["entropy"], 4), "at least 0.05 nats",
              graded(warn=figures["entropy"] < 0.05), "the answers are all but the same: raise kl_coefficient"),
        different_answers(samples),
        ended(figures, len(samples)),
        gain(figures, "score", "lower learning_rate or kl_coefficient, or raise steps"),
        length_drift(figures),
        *at_like_length(samples),
        Check("clipped tokens", round(figures["clip_fraction"], 4), "at most 0.3",
              graded(warn=figures["clip_fraction"] > 0.3), "lower learning_rate or update.epochs"),
        critic(updates),
        *truth(figures),
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


def divergence(kl: float, length: float) -> Check:
    """Distance from the reference in nats per answer, at the last update; `length` is that of an answer in tokens."""
    far, collapsed = far_kl(length)
    advice = "raise kl_coefficient or lower learning_rate: far from the reference the reward model knows nothing"
    verdict = graded(warn=kl > far, fail=kl > collapsed)
    return Check("KL from the reference", round(kl, 3), f"at most {far:g}, never above {collapsed:g}", verdict, advice)


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


def different_answers(samples: Sequence[Mapping[str, Any]]) -> Check:
    """Different answers to the compared prompts, against how many there were before."""
    before, after = (len({row[side]["text"] for row in samples}) for side in ("before", "after"))
    verdict = graded(warn=after < 0.7 * before, fail=after < FEW_TEXTS * before)
    advice = "the policy says one thing to every prompt: raise kl_coefficient or lower learning_rate"
    return Check("different answers", after, f"most of the {before} before", verdict, advice)


def ended(figures: Mapping[str, Any], answers: int) -> Check:
    """Answers that end: mostly, or as often as before."""
    before, after = figures["ended_before"], figures["ended_after"]
    bar = min(0.9, before - 0.05)
    upper = after + 2 * math.sqrt(max(after * (1 - after), 1 / answers) / answers)
    return Check(
        "answers that end",
        round(after, 4),
        f"at least {bar:.3g} within error ({answers} answers)",
        graded(warn=upper < bar, fail=upper < 0.5 * before),
        "raise scores.missing_end_penalty or sampling.max_new_tokens",
    )


def gain(figures: Mapping[str, Any], name: str, advice: str) -> Check:
    """A figure's gain over the reference on the same prompts, against its standard error; a loss is a failure."""
    value, error = figures[f"{name}_gain"], figures[f"{name}_gain_error"]
    return Check(
        f"{name.replace('_', ' ')} gained",
        round(value, 4),
        f"above {2 * error:.3f}, two standard errors",
        graded(warn=value <= 2 * error, fail=value < -2 * error),
        advice,
    )


def length_drift(figures: Mapping[str, Any]) -> Check:
    """How many times as long the answers became: a score may be bought by length alone."""
    ratio = figures["tokens_after"] / max(figures["tokens_before"], 1)
    advice = "compare scores at equal length; the reward may count words"
    return Check("length, after : before", round(ratio, 3), "0.6 to 1.6", graded(warn=not 0.6 <= ratio <= 1.6), advice)


def at_like_length(samples: Sequence[Mapping[str, Any]]) -> list[Check]:
    """The gain of the score among answers of like length; nothing if no lengths are shared."""
    scores, lengths = (
        [[row[side][name] for row in samples] for side in ("after", "before")] for name in ("score", "tokens")
    )
    found = matched_difference(scores[0], lengths[0], scores[1], lengths[1])
    if found is None or found.standard_error is None:
        return []
    bar = 2 * found.standard_error
    return [
        Check(
            "score gained at like length",
            round(found.value, 4),
            f"above {bar:.3f}, two standard errors ({found.n} answers)",
            graded(warn=found.value <= bar),
            "the score was bought with length: balance the pairs' lengths, or raise kl_coefficient",
        )
    ]


def truth(figures: Mapping[str, Any]) -> list[Check]:
    """The same for what is known to be true: the score may rise alone, and everything else fall with the language."""
    if "true_score_gain" not in figures:
        return []
    names = [name.removesuffix("_gain") for name in figures if name.startswith("true_") and name.endswith("_gain")]
    advice = "the reward and the truth part ways: better pairs, or a higher kl_coefficient"
    return [gain(figures, "true_score", advice)] + [quality(figures, name) for name in names if name != "true_score"]


def quality(figures: Mapping[str, Any], name: str) -> Check:
    """A true quality must not be the price of the score."""
    change, error = figures[f"{name}_gain"], figures[f"{name}_gain_error"]
    return Check(
        f"change of {name.removeprefix('true_')}",
        round(change, 4),
        f"no loss above {QUALITY_LOSS:g} within {2 * error:.3f}",
        graded(warn=-change > QUALITY_LOSS + 2 * error, fail=-change > QUALITY_LOST + 2 * error),
        "raise kl_coefficient",
    )
