from __future__ import annotations

import json
import math

import numpy as np
import pytest

from pipeline.core.artifact import Artifact
from pipeline.training.checks import fall_of, loss_fell


def trained(tmp_path, losses):
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps({"step": 1, "loss": loss}) + "\n" for loss in losses))
    return Artifact(tmp_path)


def noisy(start, end, lines=60, noise=0.05, seed=0):
    draws = np.random.default_rng(seed).normal(0, noise, lines)
    return (end + (start - end) * np.exp(-np.arange(lines) / (lines / 8)) + draws).tolist()


@pytest.mark.parametrize(
    ("losses", "tuned", "fresh"),
    [
        (noisy(3.0, 1.0), "pass", "pass"),
        (noisy(1.0, 3.0), "fail", "fail"),
        ([1.0, 1.1] * 30, "warn", "fail"),
        ([2.0], "warn", "warn"),
    ],
)
def test_a_loss_that_rose_fails_and_one_that_stood_still_fails_fresh_weights(tmp_path, losses, tuned, fresh):
    artifact = trained(tmp_path, losses)
    assert (loss_fell(artifact).verdict, loss_fell(artifact, fresh=True).verdict) == (tuned, fresh)


def test_the_error_is_that_of_repeated_trainings():
    falls, errors = zip(*(fall_of(noisy(1.0, 1.0, seed=seed)) for seed in range(400)), strict=True)
    assert math.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(falls), rel=0.1)
