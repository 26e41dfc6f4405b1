"""Verdicts on what training did to a policy's answers, from the figures of `comparison`: gain, price, distance. Pure.

`nearer` is what keeps a policy near its reference in the stage that asks, for the advice: `raise kl_coefficient`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.stage import Check, graded
from pipeline.data.estimates import matched_difference

QUALITY_LOSS, QUALITY_LOST = 0.1, 0.5
"""How much of a known quality (grammar, format) training may cost before a warning, and before it is a failure."""
FEW_TEXTS = 0.2
"""Of the different answers that there were before."""
FAR_KL = 25.0
COLLAPSED_KL = 50.0
"""Nats per answer beyond which nothing of the reference is left; sound runs of the tiny chain end at 11 at most."""
COLLAPSED_KL_PER_TOKEN = 0.5
"""Long answers go further for the same change of style: the bounds grow with them."""


def far_kl(length: float) -> tuple[float, float]:
    """The KL divergences from which an answer of `length` tokens is far from the reference, and beyond it."""
    collapsed = max(COLLAPSED_KL, COLLAPSED_KL_PER_TOKEN * length)
    return collapsed * FAR_KL / COLLAPSED_KL, collapsed


def divergence(kl: float, length: float, nearer: str) -> Check:
    """Distance from the reference in nats per answer, at the end; `length` is that of an answer in tokens."""
    far, collapsed = far_kl(length)
    advice = f"{nearer} or lower learning_rate: so far from the reference nothing is known of the answers"
    verdict = graded(warn=kl > far, fail=kl > collapsed)
    return Check("KL from the reference", round(kl, 3), f"at most {far:g}, never above {collapsed:g}", verdict, advice)


def different_answers(samples: Sequence[Mapping[str, Any]], nearer: str) -> Check:
    """Different answers to the compared prompts, against how many there were before."""
    before, after = (len({row[side]["text"] for row in samples}) for side in ("before", "after"))
    verdict = graded(warn=after < 0.7 * before, fail=after < FEW_TEXTS * before)
    advice = f"the policy says one thing to every prompt: {nearer} or lower learning_rate"
    return Check("different answers", after, f"most of the {before} before", verdict, advice)


def ended(figures: Mapping[str, Any], answers: int, advice: str) -> Check:
    """Answers that end: mostly, or as often as before."""
    before, after = figures["ended_before"], figures["ended_after"]
    bar = min(0.9, before - 0.05)
    upper = after + 2 * math.sqrt(max(after * (1 - after), 1 / answers) / answers)
    return Check(
        "answers that end",
        round(after, 4),
        f"at least {bar:.3g} within error ({answers} answers)",
        graded(warn=upper < bar, fail=upper < 0.5 * before),
        advice,
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


def at_like_length(samples: Sequence[Mapping[str, Any]], nearer: str) -> list[Check]:
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
            f"the score was bought with length: balance the pairs' lengths, or {nearer}",
        )
    ]


def truth(figures: Mapping[str, Any], nearer: str) -> list[Check]:
    """The same for what is known to be true: the score may rise alone, and everything else fall with the language."""
    if "true_score_gain" not in figures:
        return []
    names = [name.removesuffix("_gain") for name in figures if name.startswith("true_") and name.endswith("_gain")]
    advice = f"what is learned and the truth part ways: better pairs, or {nearer}"
    return [
        gain(figures, "true_score", advice),
        *(quality(figures, name, nearer) for name in names if name != "true_score"),
    ]


def quality(figures: Mapping[str, Any], name: str, nearer: str) -> Check:
    """A true quality must not be the price of the score."""
    change, error = figures[f"{name}_gain"], figures[f"{name}_gain_error"]
    return Check(
        f"change of {name.removeprefix('true_')}",
        round(change, 4),
        f"no loss above {QUALITY_LOSS:g} within {2 * error:.3f}",
        graded(warn=-change > QUALITY_LOSS + 2 * error, fail=-change > QUALITY_LOST + 2 * error),
        nearer,
    )
