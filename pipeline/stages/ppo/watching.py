"""What goes wrong while a policy trains, and why: each fault is named once, with its cause and what to change.

Reads the figures of updates as they are logged; the checks after training look at the artifact instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from pipeline.data.comparison_checks import far_kl

Row = dict[str, Any]
"""The figures of one update."""

EXPLAINED = 0.02
"""Share of the returns' variance that a critic of any use explains."""
FIRST = 3
"""Updates at the start that later ones are compared with."""
MOSTLY = 0.5
"""Share of a gain that makes its cause."""
RECENT = 10
"""Updates that a judgement of the critic, of length or of repetition rests on: one alone is noise."""


def kl_runs_away(rows: Sequence[Row]) -> str:
    """The policy is where the reward knows nothing."""
    kl, length = rows[-1]["kl"], rows[-1]["response_length"]
    far, _ = far_kl(length)
    if kl <= far:
        return ""
    return (
        f"KL runs away: {kl:.0f} nats an answer from the reference, where sound runs stay below {far:.0f}; what the "
        "reward says there means nothing: raise kl_coefficient or lower learning_rate"
    )


def all_are_cut_off(rows: Sequence[Row]) -> str:
    """No answer ends by itself."""
    if len(rows) < 3 or any(row["ended"] > 0 for row in rows[-3:]):
        return ""
    return (
        f"no answer of the last 3 updates ended by itself, all were cut at {rows[-1]['response_length']:.0f} tokens: "
        "raise sampling.max_new_tokens, or tune the policy on answers with an end token first"
    )


def critic_explains_nothing(rows: Sequence[Row]) -> str:
    """The critic is no better than a constant, though the returns differ."""
    if len(rows) < 2 * RECENT or rows[-1]["score_error"] == 0:
        return ""
    explained = fmean(row["explained_variance"] for row in rows[-RECENT:])
    if explained >= EXPLAINED:
        return ""
    return (
        f"the critic explains nothing: {explained:.0%} of the returns' variance over the last {RECENT} updates; raise "
        "critic_learning_rate, give it critic.warmup_steps, or bring scores to the size of 1 (scores.normalize)"
    )


def score_is_length(rows: Sequence[Row]) -> str:
    """What was gained is what answers of the new length had from the first."""
    if len(rows) < 2 * RECENT:
        return ""
    (length, score), (new_length, new_score) = (
        (fmean(row["response_length"] for row in part), fmean(row["score"] for row in part))
        for part in (rows[:FIRST], rows[-RECENT:])
    )
    gain, longer = new_score - score, new_length - length
    by_length = longer * fmean(row["score_per_token"] for row in rows[:RECENT])  # later, all may be as long
    if gain < 3 * rows[-1]["score_error"] or abs(longer) < 0.2 * length or by_length < MOSTLY * gain:
        return ""
    return (
        f"the score rises mostly with length: {gain:+.2f} since the first updates, of which {by_length:+.2f} is what "
        f"{new_length:.0f} tokens instead of {length:.0f} brought then; the reward counts tokens: balance the lengths "
        "of its pairs, or charge for length"
    )


def answers_repeat(rows: Sequence[Row]) -> str:
    """Different prompts get the same answer."""
    if len(rows) < RECENT:
        return ""
    first, now = (fmean(row["distinct"] for row in part) for part in (rows[:FIRST], rows[-FIRST:]))
    if now >= 0.5 * first:
        return ""
    return (
        f"the answers repeat one another: {now:.0%} of an update's are different, {first:.0%} at first; the policy "
        "collapses on what the reward likes best: raise kl_coefficient or update.entropy_coefficient"
    )


FAULTS: Sequence[Callable[[Sequence[Row]], str]] = (
    kl_runs_away, all_are_cut_off, critic_explains_nothing, score_is_length, answers_repeat,
)  # fmt: skip


class Watch:
    """Looks at every update; says each fault at the first update that shows it."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        """`rows` of updates before a stop: what they showed has been said."""
        self.rows: list[Row] = []
        self._said: set[Callable[[Sequence[Row]], str]] = set()
        for row in rows:
            self.look(row)

    def look(self, row: Row) -> list[str]:
        """What this update is the first to show."""
        self.rows.append(row)
        found = {fault: said for fault in FAULTS if fault not in self._said and (said := fault(self.rows))}
        self._said |= found.keys()
        return list(found.values())
