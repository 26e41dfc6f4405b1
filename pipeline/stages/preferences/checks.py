"""Are these pairs that a reward model can learn from?"""

from __future__ import annotations

import json
import math

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, Verdict
from pipeline.stages.preferences.config import Config

FEW_PAIRS = 200
"""Below this a reward model's held-out accuracy says little and it learns little: a warning."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The files' pairs, the ceiling on labels, and what could make the labels worthless."""
    figures = artifact.metrics
    total = figures["pairs"] + figures["held_out_pairs"]
    unusable = figures["identical_share"] + figures["empty_share"]
    return [
        pairs_differ(artifact),
        Check("pairs", figures["pairs"], f"at least {FEW_PAIRS}", graded(warn=figures["pairs"] < FEW_PAIRS),
              "raise pairs"),
        ceiling(figures["expected_ceiling"], figures["held_out_pairs"]),
        Check("identical or empty answers", round(unusable, 4), "at most 0.2", graded(warn=unusable > 0.2),
              "raise temperature, or look at what the policy answers"),
        first_preferred(figures["first_preferred_share"], total),
        Check("answers that end", round(figures["ended_share"], 4), "at least 0.9",
              graded(warn=figures["ended_share"] < 0.9), "raise max_new_tokens, or train the policy longer"),
    ]  # fmt: skip


def graded(*, warn: bool, fail: bool = False) -> Verdict:
    """The worst verdict that holds."""
    return "fail" if fail else "warn" if warn else "pass"


def pairs_differ(artifact: Artifact) -> Check:
    """No row may hold one text twice: it has no right answer."""
    same = 0
    for split in ("train", "validation"):
        with open(artifact.path / f"{split}.jsonl", encoding="utf-8") as file:
            rows = map(json.loads, file)
            same += sum(row["chosen"] == row["rejected"] for row in rows)
    return Check("pairs of one text", same, "0", graded(warn=False, fail=same > 0))


def ceiling(expected: float, pairs: int) -> Check:
    """The accuracy that the judge itself would have, against that of a coin."""
    error = 0.5 / math.sqrt(pairs)
    verdict = graded(warn=expected < 0.6, fail=expected < 0.5 + 2 * error)
    advice = "the labels are close to coin tosses: raise sharpness, temperature or held_out"
    return Check(
        "best possible accuracy", round(expected, 4), f"above {0.5 + 2 * error:.3f}, better above 0.6", verdict, advice
    )


def first_preferred(share: float, pairs: int) -> Check:
    """Neither place in a pair may be favoured: the two answers are drawn alike."""
    error = 0.5 / math.sqrt(pairs)
    advice = "the judge seems to depend on more than prompt and answer: does it give one score to one answer?"
    off = abs(share - 0.5) > 4 * error
    return Check("first answer preferred", round(share, 4), f"0.5 within {4 * error:.3f}", graded(warn=off), advice)
