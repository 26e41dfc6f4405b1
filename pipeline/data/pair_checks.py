"""Verdicts on how well scores tell chosen answers from rejected ones, from the figures of `pair_figures`. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pipeline.core.stage import Check, graded

_SHORT_OF_CEILING = 0.08
_LENGTH_CORRELATION = 0.5
_TRUTH_CORRELATION = 0.5


def above_chance(figures: Mapping[str, Any]) -> Check:
    """The accuracy against a coin's, by three standard errors: a policy would search out what little is wrong."""
    accuracy, pairs = figures["accuracy"], figures["held_out_pairs"]
    bar = 0.5 + 3 * 0.5 / math.sqrt(pairs)
    advice = "look at the labels of the pairs: are they more than chance? else more pairs, or another learning rate"
    return Check(
        "held-out accuracy",
        round(accuracy, 4),
        f"above {bar:.3f}, chance and three standard errors ({pairs} pairs)",
        graded(fail=accuracy <= bar),
        advice,
    )


def near_ceiling(figures: Mapping[str, Any]) -> Check:
    """How far the accuracy is below that of the judge itself on the same labels."""
    short, error = figures["ceiling"] - figures["accuracy"], figures["accuracy_standard_error"]
    expected = f"at most {_SHORT_OF_CEILING} within {2 * error:.3f} ({figures['held_out_pairs']} pairs)"
    return Check(
        "accuracy below the ceiling",
        round(short, 4),
        expected,
        graded(warn=short > _SHORT_OF_CEILING + 2 * error),
        "more pairs",
    )


def goes_with_length(figures: Mapping[str, Any]) -> Check:
    """Correlation of score and length: a reward that is mostly length teaches length."""
    found = figures["length_correlation"]
    advice = "balance the pairs' lengths"
    return Check(
        "correlation with length",
        round(found, 4),
        f"within {_LENGTH_CORRELATION}",
        graded(warn=abs(found) > _LENGTH_CORRELATION),
        advice,
    )


def goes_with_truth(figures: Mapping[str, Any]) -> Check:
    """Correlation of score and the judge's; a reward that is against the judge raises what it dislikes."""
    found, answers = figures["truth_correlation"], 2 * figures["held_out_pairs"]
    against = found < -2 / math.sqrt(answers)
    return Check(
        "correlation with the judge",
        round(found, 4),
        f"at least {_TRUTH_CORRELATION}, never negative ({answers} answers)",
        graded(warn=found < _TRUTH_CORRELATION, fail=against),
        "chosen and rejected are exchanged" if against else "more pairs",
    )
