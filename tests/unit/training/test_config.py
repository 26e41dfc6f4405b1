from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from pipeline.stages.instruct.config import STAGE as INSTRUCT
from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.training.config import TrainConfig


def test_a_given_length_replaces_the_default_one():
    assert PretrainTrain().epochs == 1
    train = PretrainTrain(tokens="700k")
    assert (train.tokens, train.steps, train.epochs) == (700_000, None, None)


def test_two_lengths_are_refused():
    with pytest.raises(ValidationError, match="one of tokens, steps and epochs, not steps and epochs"):
        TrainConfig(steps=3, epochs=1)


def test_no_length_is_refused():
    with pytest.raises(ValidationError, match="not none"):
        TrainConfig(epochs=None)


def test_a_smoke_overlay_replaces_the_recipes_length():
    overlay = {key.removeprefix("train."): value for key, value in INSTRUCT.smoke.items() if key.startswith("train.")}
    assert TrainConfig(**{"tokens": 10, "learning_rate": 0.1, **overlay}).steps == 2


def test_configs_import_no_torch():
    rooms = ("pretrain", "sft", "instruct", "reward")
    code = f"import sys; [__import__('pipeline.stages.' + r + '.config') for r in {rooms}]; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
