"""How the learning rate goes over a training: factors of its highest value, by name."""

from __future__ import annotations

import math
from collections.abc import Callable

from pipeline.core.errors import StageError
from pipeline.training.config import TrainConfig


def constant(progress: float, decay_share: float) -> float:
    """The highest value throughout."""
    return 1.0


def linear(progress: float, decay_share: float) -> float:
    """A straight line to zero."""
    return 1.0 - progress


def cosine(progress: float, decay_share: float) -> float:
    """Half a cosine to zero (https://arxiv.org/abs/1608.03983, eq. 5, one cycle)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def wsd(progress: float, decay_share: float) -> float:
    """Stable, then a straight line to zero over the last `decay_share` of it (https://arxiv.org/abs/2404.06395)."""
    return min(1.0, (1.0 - progress) / decay_share)


SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "wsd": wsd,
    "cosine": cosine,
    "linear": linear,
    "constant": constant,
}


def learning_rate_factor(schedule: str, step: int, steps: int, warmup_steps: int, decay_share: float) -> float:
    """The factor for the step of this index, from 0.

    A linear warm-up reaches 1 at step `warmup_steps`; `inverse_sqrt` then falls as sqrt(warm-up / step)
    (https://arxiv.org/abs/1706.03762, eq. 3), the others by their share of what is left.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if schedule == "inverse_sqrt":
        return math.sqrt(max(warmup_steps, 1) / max(step, 1))
    after_warmup = max(1, steps - warmup_steps)
    # The share is of all steps; what is left after a long warm-up may be less.
    share = min(1.0, decay_share * steps / after_warmup)
    return SCHEDULES[schedule]((step - warmup_steps) / after_warmup, share)


def warmup_steps_of(train: TrainConfig, steps: int) -> int:
    """Whole steps of warm-up; not all of them, so that training reaches its learning rate.

    Raises:
        StageError: if the recipe asks for as many steps of warm-up as there are steps.
    """
    if train.warmup_steps < 1:
        return min(int(train.warmup_steps * steps), steps - 1)
    if train.warmup_steps >= steps:
        raise StageError(f"train.warmup_steps: {train.warmup_steps:g} steps of warm-up leave none of the {steps} steps "
                         "of this training; give fewer, or a share below 1")  # fmt: skip
    return int(train.warmup_steps)
