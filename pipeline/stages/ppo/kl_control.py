"""How the coefficient of the KL divergence moves from update to update. Numbers in, a number out."""

from __future__ import annotations

MOST_ERROR = 0.2
"""A target that is far off moves the coefficient no faster than one that is a fifth off."""


def adapted(coefficient: float, kl: float, target: float, answers: int, horizon: int) -> float:
    """The coefficient after an update of `answers` whose mean KL was `kl` (https://arxiv.org/abs/1909.08593, 2.2).

    It grows while the policy is further from the reference than `target`, and shrinks while it is nearer.
    """
    error = min(max(kl / target - 1, -MOST_ERROR), MOST_ERROR)
    return coefficient * (1 + error * answers / horizon)
