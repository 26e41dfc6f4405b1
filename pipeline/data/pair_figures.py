"""How well scores tell the chosen answers of pairs from the rejected ones: a reward model's, or a policy's. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_MOST_BINS, _FEWEST_IN_A_BIN = 10, 20


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


def calibration(differences: Sequence[float]) -> dict[str, Any]:
    """Whether the model is as sure as it is right, over the log-odds by which it prefers the chosen answers.

    Pairs are put into bins of equal size by how sure the model is, whichever answer it prefers. Each bin says the
    probability that the model gives its own preference (Bradley and Terry: the logistic function of the difference),
    and how often the label agreed. The calibration error is their mean distance, each pair counting once.
    """
    log_odds = np.asarray(differences, dtype=float)[np.argsort(np.abs(differences), kind="stable")]
    parts = np.array_split(log_odds, max(1, min(_MOST_BINS, len(log_odds) // _FEWEST_IN_A_BIN)))
    bins = [_bin(part) for part in parts]
    apart = sum(part["n"] * abs(part["predicted"] - part["agreed"]) for part in bins)
    return {"calibration": bins, "calibration_error": apart / len(log_odds)}


def _bin(log_odds: np.ndarray) -> dict[str, Any]:
    sure = np.abs(log_odds)
    agreed = float(np.mean(np.where(log_odds == 0, 0.5, log_odds > 0)))
    return {
        "difference": float(sure.mean()),
        "predicted": float((1 / (1 + np.exp(-sure))).mean()),
        "agreed": agreed,
        "standard_error": math.sqrt(max(agreed * (1 - agreed), 1 / len(sure)) / len(sure)),
        "n": len(sure),
    }


def correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Pearson's correlation; 0 where one side does not vary."""
    if np.std(left) == 0 or np.std(right) == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
