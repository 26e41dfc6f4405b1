"""Are these pairs that a reward model can learn from?"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.data.judge import Judge
from pipeline.data.scorers import open_scorer, score_rows
from pipeline.stages.preferences.config import Config

FEW_PAIRS = 200
"""Below this a reward model's held-out accuracy says little and it learns little: a warning."""
ASKED_AGAIN = 32
"""Pairs that the judge is asked about a second time."""
_AGREES = 0.8
_FAR_FROM_HALF = 0.25
"""A share of labels so far from a half is a rule of its own, whatever the answers say."""

Row = Mapping[str, Any]


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
        agrees_with_itself(open_scorer(inputs.judge), rows_of(artifact.path, "train")[:ASKED_AGAIN]),
        Check("identical or empty answers", round(unusable, 4), "at most 0.2", graded(warn=unusable > 0.2),
              "raise temperature, or look at what the policy answers"),
        ties(figures["tied_share"], figures["drawn"]),
        first_preferred(figures["first_preferred_share"], total),
        longer_preferred(figures["longer_preferred_share"], total),
        ended(figures["ended_share"], 2 * total),
    ]  # fmt: skip


def rows_of(folder: Path, split: str) -> list[Row]:
    """The pairs of a split."""
    with open(folder / f"{split}.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def pairs_differ(artifact: Artifact) -> Check:
    """No row may hold one text twice: it has no right answer."""
    rows = [row for split in ("train", "validation") for row in rows_of(artifact.path, split)]
    same = sum(row["chosen"] == row["rejected"] for row in rows)
    return Check("pairs of one text", same, "0", graded(fail=same > 0))


def ceiling(expected: float, pairs: int) -> Check:
    """The accuracy that the judge itself would have, against that of a coin."""
    error = 0.5 / math.sqrt(pairs)
    verdict = graded(warn=expected < 0.6, fail=expected < 0.5 + 2 * error)
    advice = "the labels are close to coin tosses: raise sharpness, temperature or held_out"
    return Check(
        "best possible accuracy", round(expected, 4), f"above {0.5 + 2 * error:.3f}, better above 0.6", verdict, advice
    )


def agrees_with_itself(judge: Judge, rows: Sequence[Row]) -> Check:
    """Correlation of a judge's scores with its own of the same answers, asked again."""
    before = [row[f"{side}_score"] for side in ("chosen", "rejected") for row in rows]
    again = [
        score
        for side in ("chosen", "rejected")
        for score in score_rows(judge, [_asked(row) for row in rows], [row[side][-1]["content"] for row in rows])
    ]
    found = float(np.corrcoef(before, again)[0, 1]) if np.std(again) > 0 else 0.0
    chance = 3 / math.sqrt(len(before))  # three standard errors of a correlation of nothing
    return Check(
        "the judge agrees with itself",
        round(found, 4),
        f"correlation of at least {_AGREES}, above {chance:.2f} ({len(before)} answers)",
        graded(warn=found < _AGREES, fail=found <= chance),
        "asked again it says something else: its scores are chance, or depend on what else is asked",
    )


def _asked(row: Row) -> dict[str, Any]:
    """The prompt's own columns."""
    made = {"chosen", "rejected", "chosen_score", "rejected_score"}
    return {name: value for name, value in row.items() if name not in made}


def ties(share: float, drawn: int) -> Check:
    """Candidates that the judge scores alike teach nothing, and cost as much as the others."""
    advice = "the judge scores most answers alike: give it finer scores"
    return Check("tied pairs", round(share, 4), f"at most 0.5 ({drawn} drawn)", graded(warn=share > 0.5), advice)


def first_preferred(share: float, pairs: int) -> Check:
    """Neither place in a pair may be favoured: the two answers are drawn alike."""
    error = 0.5 / math.sqrt(pairs)
    advice = "the judge seems to depend on more than prompt and answer: does it give one score to one answer?"
    off = abs(share - 0.5)
    verdict = graded(warn=off > 4 * error, fail=off > max(_FAR_FROM_HALF, 4 * error))
    return Check("first answer preferred", round(share, 4), f"0.5 within {4 * error:.3f}", verdict, advice)


def longer_preferred(share: float, pairs: int) -> Check:
    """A judge may like length, but a reward model then learns little else."""
    allowed = max(_FAR_FROM_HALF, 4 * 0.5 / math.sqrt(pairs))
    advice = "length decides the labels: is that what you want? else score answers of like length"
    verdict = graded(warn=abs(share - 0.5) > allowed)
    return Check("longer answer preferred", round(share, 4), f"0.5 within {allowed:.2f}", verdict, advice)


def ended(share: float, answers: int) -> Check:
    """Answers that were cut are judged by their beginning; where nearly all are, the pairs say nothing of answers."""
    error = math.sqrt(max(share * (1 - share), 1 / answers) / answers)
    verdict = graded(warn=share + 2 * error < 0.9, fail=share + 2 * error < 0.25)
    advice = "raise max_new_tokens, or train the policy longer"
    return Check(
        "answers that end", round(share, 4), f"at least 0.9, never below 0.25 ({answers} answers)", verdict, advice
    )
