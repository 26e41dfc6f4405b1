"""Which of two answers is preferred, by the model of Bradley and Terry, and the row that says so. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.stages.preferences.pairs import Candidate

LABELS = 1
"""Keeps the stream of labels apart from other streams of the same seed and pair."""


def preference_probability(difference: float, sharpness: float | None) -> float:
    """Probability that the answer whose score is higher by `difference` is preferred (Bradley and Terry 1952).

    A negative difference gives less than a half. Without `sharpness` the higher score always wins.
    """
    if sharpness is None:
        return float(difference > 0)
    return 0.5 * (1.0 + math.tanh(0.5 * sharpness * difference))


def prefers_first(pair: Candidate, sharpness: float | None, seed: int) -> bool:
    """The label, drawn from a stream of the pair's own, so that no other pair bears on it."""
    uniform = np.random.default_rng([seed, pair.number, LABELS]).random()
    return bool(uniform < preference_probability(pair.scores[0] - pair.scores[1], sharpness))


def labelled(pair: Candidate, sharpness: float | None, seed: int) -> dict[str, Any]:
    """A row in trl's columns (prompt, chosen, rejected: lists of messages), with scores and the prompt's columns."""
    chosen = 0 if prefers_first(pair, sharpness, seed) else 1
    sides = {"chosen": chosen, "rejected": 1 - chosen}
    return {
        **pair.row,
        **{side: [{"role": "assistant", "content": pair.texts[answer]}] for side, answer in sides.items()},
        **{f"{side}_score": pair.scores[answer] for side, answer in sides.items()},
    }
