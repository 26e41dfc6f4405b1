"""Learning rates go as named, and as transformers' schedules of the same name go."""

from __future__ import annotations

import pytest
import torch
from transformers import get_scheduler

from pipeline.training.schedules import learning_rate_factor

STEPS, WARMUP, DECAY = 40, 8, 0.25


def ours(name: str, warmup: int = WARMUP) -> list[float]:
    return [learning_rate_factor(name, step, STEPS, warmup, DECAY) for step in range(STEPS)]


@pytest.mark.parametrize("name", ["linear", "cosine", "constant_with_warmup"])
def test_after_the_warm_up_it_is_transformers_schedule(name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_scheduler(name, optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    theirs = []
    for _ in range(STEPS):
        theirs.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert ours(name.removesuffix("_with_warmup"))[WARMUP:] == pytest.approx(theirs[WARMUP:])


@pytest.mark.parametrize("name", ["wsd", "linear", "cosine", "constant", "inverse_sqrt"])
def test_it_rises_to_one_and_never_beyond(name):
    factors = ours(name)
    assert factors[0] > 0
    assert factors[: WARMUP + 1] == sorted(factors[: WARMUP + 1])
    assert max(factors) == factors[WARMUP] == pytest.approx(1.0)


def test_wsd_is_stable_and_then_falls_over_its_decay():
    factors = ours("wsd", warmup=0)
    assert factors[:31] == [1.0] * 31
    assert factors[31:] == sorted(factors[31:], reverse=True)
    assert factors[-1] == pytest.approx(0.1)


def test_inverse_sqrt_halves_when_the_steps_are_fourfold():
    assert ours("inverse_sqrt")[4 * WARMUP] == pytest.approx(0.5)
