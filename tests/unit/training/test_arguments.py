from __future__ import annotations

import pytest
import torch
from transformers import TrainingArguments, get_scheduler

from pipeline.training.arguments import training_arguments
from pipeline.training.choices import choose
from pipeline.training.config import TrainConfig
from tests.unit.stages.tiny import make_context
from tests.unit.training.test_choices import SHAPE


def arguments(tmp_path, steps=100, **settings):
    context = make_context(tmp_path)
    train = TrainConfig(steps=steps, **settings)
    return training_arguments(train, steps, choose(context, SHAPE, train.global_batch_size), context)


def rates(named, steps=100):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = get_scheduler(named["lr_scheduler_type"], optimizer, named["warmup_steps"], steps,
                             named.get("lr_scheduler_kwargs"))  # fmt: skip
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"learning_rate": 0.5}, "learning_rate"),
        ({"adam_beta1": 0.5}, "adam_beta1"),
        ({"adam_beta2": 0.5}, "adam_beta2"),
        ({"adam_epsilon": 0.5}, "adam_epsilon"),
        ({"weight_decay": 0.5}, "weight_decay"),
        ({"max_grad_norm": 0.5}, "max_grad_norm"),
        ({"schedule": "cosine"}, "lr_scheduler_type"),
        ({"warmup_steps": 0.5}, "warmup_steps"),
        ({"global_batch_size": 4}, "per_device_train_batch_size"),
        ({"log_every": 3}, "logging_steps"),
    ],
)
def test_every_setting_reaches_the_library(tmp_path, settings, changed):
    assert arguments(tmp_path / "a")[changed] != arguments(tmp_path / "b", **settings)[changed]


def test_wsd_warms_up_stays_and_decays_over_its_share(tmp_path):
    found = rates(arguments(tmp_path, schedule="wsd", warmup_steps=10, decay_share=0.3))
    assert found[5] == pytest.approx(0.5) and found[10] == found[69] == 1.0
    assert found[85] == pytest.approx(0.5)


def test_linear_decays_from_the_warmup_on(tmp_path):
    found = rates(arguments(tmp_path, warmup_steps=0.2))
    assert found[20] == 1.0 and found[60] == pytest.approx(0.5)


def test_the_arguments_are_known_to_the_library(tmp_path):
    assert TrainingArguments(**arguments(tmp_path)).max_steps == 100
