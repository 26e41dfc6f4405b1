"""Verdicts on a model tuned on conversations, from its figures: loss, and the answers of its trial. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.core.stage import Check, Verdict

_ENDED, _DISTINCT = 0.95, 0.9


def loss_checks(figures: Mapping[str, Any]) -> list[Check]:
    """Some tokens bear loss, and the training loss is lower at the end than at the start."""
    fall = figures["first_loss"] - figures["last_loss"]
    bearing = figures["loss_tokens"]
    return [
        Check("tokens that bear loss", bearing, "above 0", "pass" if bearing else "fail", "mend the chat template"),
        Check("loss fell", round(fall, 4), "above 0", graded(fall > 0),
              "train longer, or change train.learning_rate"),
    ]  # fmt: skip


def answer_checks(figures: Mapping[str, Any], prefix: str = "") -> list[Check]:
    """The trial's answers: they end, they differ, they keep to what was asked where a judge knows that.

    No answer that ends is a failure: whatever samples from the model gets cut text alone.
    """
    if f"{prefix}ended_share" not in figures:
        return []
    ended, distinct = figures[f"{prefix}ended_share"], figures[f"{prefix}distinct_share"]
    checks = [
        Check(f"{prefix}answers that end", round(ended, 4), f"at least {_ENDED}",
              graded(ended >= _ENDED, fails=ended == 0), "train longer, or raise max_new_tokens"),
    ]  # fmt: skip
    for name in ("opener_and_lines", "format"):
        kept = figures.get(f"{prefix}{name}_share")
        if kept is not None:
            needed = _ENDED if name == "opener_and_lines" else 0.8
            checks.append(
                Check(f"{prefix}{name}", round(kept, 4), f"at least {needed}", graded(kept >= needed), "train longer")
            )
    if not prefix:
        checks.append(Check("distinct answers", round(distinct, 4), f"at least {_DISTINCT}",
                            graded(distinct >= _DISTINCT), "train less, or on more varied data"))  # fmt: skip
    return checks


def graded(holds: bool, fails: bool = False) -> Verdict:
    """`pass` if it holds, else `warn`, or `fail` where the artifact is useless."""
    return "pass" if holds else "fail" if fails else "warn"
