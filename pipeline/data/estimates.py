"""Means, ratios and differences with their standard errors. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A figure from a sample."""

    value: float
    standard_error: float | None
    """None where the sample is too small to tell."""
    n: int


def mean(values: Sequence[float]) -> Estimate:
    """The mean of independent values; of 0s and 1s, a share."""
    sample = np.asarray(values, dtype=np.float64)
    error = float(sample.std(ddof=1) / np.sqrt(len(sample))) if len(sample) > 1 else None
    return Estimate(float(sample.mean()), error, len(sample))


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """Sum over sum, for units that differ in size (nats over bytes, by document); error by linearisation."""
    top, bottom = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    value, n = float(top.sum() / bottom.sum()), len(top)
    if n < 2:
        return Estimate(value, None, n)
    residuals = top - value * bottom
    return Estimate(value, float(np.sqrt(n / (n - 1) * np.square(residuals).sum()) / bottom.sum()), n)


def wins(scores: Sequence[float], against: Sequence[float]) -> Estimate:
    """Share of rows where `scores` is higher; a tie counts a half."""
    difference = np.sign(np.asarray(scores, dtype=np.float64) - np.asarray(against, dtype=np.float64))
    return mean(((difference + 1) / 2).tolist())


def matched_difference(
    values: Sequence[float],
    lengths: Sequence[int],
    against: Sequence[float],
    against_lengths: Sequence[int],
    width: int = 4,
) -> Estimate | None:
    """Difference of the two means among answers of like length: within bins of `width` tokens, then over bins.

    A bin with a and b values weighs ab / (a + b), which has the least variance when all values vary alike. None if no
    bin has values of both, or if they are too few for an error. `n` counts the values in the bins that both have.
    """
    ours = _by_bin(values, lengths, width)
    theirs = _by_bin(against, against_lengths, width)
    shared = [(ours[bin_], theirs[bin_]) for bin_ in ours if bin_ in theirs]
    n = sum(len(a) + len(b) for a, b in shared)
    if not shared or n <= 2 * len(shared):
        return None
    weights = np.array([len(a) * len(b) / (len(a) + len(b)) for a, b in shared])
    differences = np.array([a.mean() - b.mean() for a, b in shared])
    squares = sum(np.square(part - part.mean()).sum() for pair in shared for part in pair)
    variance = squares / (n - 2 * len(shared))
    return Estimate(float(weights @ differences / weights.sum()), float(np.sqrt(variance / weights.sum())), n)


def _by_bin(values: Sequence[float], lengths: Sequence[int], width: int) -> dict[int, np.ndarray]:
    bins: dict[int, list[float]] = {}
    for value, length in zip(values, lengths, strict=True):
        bins.setdefault(length // width, []).append(value)
    return {bin_: np.asarray(members, dtype=np.float64) for bin_, members in sorted(bins.items())}
