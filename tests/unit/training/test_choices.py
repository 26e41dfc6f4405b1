from __future__ import annotations

import json

import pytest

from pipeline.core.errors import StageError
from pipeline.core.stage import Runtime
from pipeline.training.choices import FILE, choose, choose_micro_batch, share_of_batch
from pipeline.training.memory import ModelShape, largest_micro_batch, step_bytes
from tests.unit.stages.tiny import make_context

SHAPE = ModelShape(parameters=100_000, layers=2, hidden_size=32, vocab_size=300, row_length=64)


def test_choices_are_written_down_and_used_again(tmp_path):
    context = make_context(tmp_path)
    first = choose(context, SHAPE, 8)
    written = json.loads((context.work / FILE).read_text())
    (context.work / FILE).write_text(json.dumps({**written, "micro_batch": 2}))
    assert first.micro_batch == 8
    assert choose(context, SHAPE, 8).micro_batch == 2


def test_another_world_is_said_to_be_inexact(tmp_path):
    context = make_context(tmp_path)
    choose(context, SHAPE, 8)
    written = json.loads((context.work / FILE).read_text())
    (context.work / FILE).write_text(json.dumps({**written, "world_size": 2}))
    assert choose(context, SHAPE, 8).inexact == "resumed where world_size was 2, now 1"


def test_an_uneven_share_names_the_values_that_would_do():
    with pytest.raises(StageError, match="global_batch_size 10 cannot be shared by 4 processes; 8 or 12 would do"):
        share_of_batch(10, 4)
    with pytest.raises(StageError, match="; 4 would do"):
        share_of_batch(3, 4)


def test_the_automatic_micro_batch_divides_the_share_and_fits():
    assert largest_micro_batch(SHAPE, 48) == 48
    huge = ModelShape(parameters=10**12, layers=2, hidden_size=32, vocab_size=300, row_length=64)
    assert largest_micro_batch(huge, 48) == 1
    assert step_bytes(SHAPE, 2) > step_bytes(SHAPE, 1)


def test_a_micro_batch_that_does_not_divide_is_refused():
    with pytest.raises(StageError, match="micro_batch 3 does not divide the 8 sequences"):
        choose_micro_batch(Runtime(micro_batch=3), SHAPE, 8)
