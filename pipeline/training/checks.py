"""Did training lower the loss: the verdict that every trained stage shares, from the lines of its `metrics.jsonl`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, graded
from pipeline.training.metrics import METRICS, read_rows


def loss_fell(artifact: Artifact, *, fresh: bool = False) -> Check:
    """The training loss of the last tenth of the lines against that of the first.

    A loss that rose by more than its noise is a failure. So is one that did not fall where the weights were `fresh`;
    weights that were trained before may have little left to learn.
    """
    losses = [row["loss"] for row in read_rows(artifact.path / METRICS)]
    fall, error = fall_of(losses)
    fails = fall <= 2 * error if fresh else fall < -2 * error
    return Check(
        "loss fell",
        round(fall, 4),
        f"above {2 * error:.4f}, two standard errors ({len(losses)} lines)",
        graded(warn=fall <= 2 * error, fail=fails and len(losses) > 1),
        "the learning rate is too high (it diverged) or too low; else train longer",
    )


def fall_of(losses: Sequence[float]) -> tuple[float, float]:
    """Mean of the first tenth less that of the last, and its standard error.

    The noise of one line is that of the steps from line to line in the second half, where the loss hardly moves.
    """
    tenth = max(1, len(losses) // 10)
    fall = (sum(losses[:tenth]) - sum(losses[-tenth:])) / tenth
    half = losses[len(losses) // 2 :]
    steps = [(after - before) ** 2 for before, after in pairwise(half)]
    noise = math.sqrt(sum(steps) / len(steps) / 2) if steps else 0.0
    return fall, noise * math.sqrt(2 / tenth)
