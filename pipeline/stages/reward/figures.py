"""How good a reward model is, from its scores of held-out pairs. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def pair_figures(
    chosen: Sequence[float], rejected: Sequence[float], rows: Sequence[dict[str, Any]], lengths: Sequence[int]
) -> dict[str, Any]:
    """Figures of normalised scores of pairs; `lengths` are tokens of all chosen answers, then of all rejected ones.

    Where the judge's scores of both answers are known: the accuracy that the judge itself has on these labels
    (`ceiling`), and the correlation of the scores with the judge's.
    """
    accuracy = float(np.mean([a > b for a, b in zip(chosen, rejected, strict=True)]))
    scores = [*chosen, *rejected]
    figures = {
        "accuracy": accuracy,
        "accuracy_standard_error": math.sqrt(max(accuracy * (1 - accuracy), 1 / len(rows)) / len(rows)),
        "held_out_pairs": len(rows),
        "score_spread": float(np.std(scores)),
        "margin": float(np.mean(np.subtract(chosen, rejected))),
        "length_correlation": correlation(scores, lengths),
    }
    if rows and all("chosen_score" in row and "rejected_score" in row for row in rows):
        truth = [[float(row[f"{side}_score"]) for row in rows] for side in ("chosen", "rejected")]
        figures["ceiling"] = float(np.mean(np.greater(truth[0], truth[1])))
        figures["truth_correlation"] = correlation(scores, [*truth[0], *truth[1]])
    return figures


def correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Pearson's correlation; 0 where one side does not vary."""
    if np.std(left) == 0 or np.std(right) == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
