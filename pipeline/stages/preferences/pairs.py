"""Draw pairs of answers until there are enough that can be compared.

Candidate `number` answers prompt `number modulo the prompts` twice, with episodes 2 x number and 2 x number + 1.
Which candidates are kept depends on them alone, so any number of processes makes the same pairs. Pairs of one text,
pairs that the judge scores alike and pairs with an empty answer teach nothing: they are dropped and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.core.errors import DataError, StageError

BLOCK = 512
"""Candidates drawn at once: enough to fill batches on several processes, few enough to show progress."""
MOST_DRAWS = 4
"""Candidates per pair after which the policy is called too uniform to be compared with itself."""


@dataclass(frozen=True)
class Candidate:
    """Two answers to one prompt, with their scores."""

    number: int
    row: Mapping[str, Any]
    """The prompt's row: `prompt` (messages) and its other columns."""
    texts: tuple[str, str]
    scores: tuple[float, float]
    ended: tuple[bool, bool]
    token_counts: tuple[int, int]

    def fault(self) -> str | None:
        """Why the pair cannot be compared: identical, empty or tied; None if it can."""
        if self.texts[0] == self.texts[1]:
            return "identical"
        if not all(text.strip() for text in self.texts):
            return "empty"
        return "tied" if self.scores[0] == self.scores[1] else None


@dataclass(frozen=True)
class Drawn:
    """Pairs that can be compared, and how many candidates were dropped for which reason."""

    pairs: list[Candidate]
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """Candidates drawn."""
        return len(self.pairs) + self.dropped.total()


def draw_pairs(draw: Callable[[range], Sequence[Candidate]], count: int, first: int = 0) -> Drawn:
    """The first `count` candidates from number `first` on that can be compared.

    Raises:
        StageError: if more than three in four cannot.
    """
    drawn = Drawn(pairs=[])
    while len(drawn.pairs) < count:
        if drawn.total >= MOST_DRAWS * count or hopeless(drawn):
            reasons = ", ".join(f"{number} {reason}" for reason, number in drawn.dropped.items())
            advice = (
                "the judge scores answers alike: give it finer scores"
                if drawn.dropped["tied"] > drawn.total / 2
                else "raise temperature or max_new_tokens, or look at what the policy answers"
            )
            raise StageError(
                f"only {len(drawn.pairs)} of {drawn.total} pairs of answers can be compared ({reasons}); {advice}"
            )
        start = first + drawn.total
        for candidate in draw(range(start, start + min(BLOCK, count - len(drawn.pairs)))):
            fault = candidate.fault()
            if fault is None:
                drawn.pairs.append(candidate)
            else:
                drawn.dropped[fault] += 1
    return drawn


def hopeless(drawn: Drawn) -> bool:
    """Whether the share that can be compared is so far below one in `MOST_DRAWS` that it is no bad luck."""
    expected = drawn.total / MOST_DRAWS
    return drawn.total >= BLOCK and len(drawn.pairs) < expected - 4 * expected**0.5


def split_prompts(rows: Sequence[Any], pairs: int, held_out: int, seed: int) -> tuple[list[Any], list[Any]]:
    """Prompts for training and for validation, none in both, shuffled, in proportion to the pairs they are to give.

    Rows of the same prompt go to the same side.

    Raises:
        DataError: if there are fewer than two different prompts.
    """
    by_prompt: dict[str, list[Any]] = {}
    for row in rows:
        by_prompt.setdefault(repr(row["prompt"]), []).append(row)
    groups = list(by_prompt.values())
    if len(groups) < 2:
        raise DataError(
            f"prompts: {len(rows)} rows with {len(groups)} different prompts; training and validation share none, so "
            "there must be at least two"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    validation = min(max(1, round(len(groups) * held_out / (pairs + held_out))), len(groups) - 1)
    sides = order[validation:], order[:validation]
    training, held = ([row for group in side for row in groups[group]] for side in sides)
    return training, held
