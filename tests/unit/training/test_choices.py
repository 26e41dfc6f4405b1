from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import StageError
from pipeline.core.stage import Runtime
from pipeline.models.sizes import sizes_of
from pipeline.training.choices import FILE, choose, choose_micro_batch, share_of_batch
from pipeline.training.memory import ModelShape, largest_micro_batch, shared_bytes, step_bytes
from tests.unit.stages.tiny import make_context

SIZES = sizes_of({"num_hidden_layers": 2, "hidden_size": 32, "max_position_embeddings": 64}, vocab_size=300)
SHAPE = ModelShape(SIZES, SIZES.parameters, row_length=64)
GIGABYTES = 4 * 10**9


def test_choices_are_written_down_and_used_again(tmp_path: Path):
    context = make_context(tmp_path)
    first = choose(context, SHAPE, 8)
    written = json.loads((context.work / FILE).read_text())
    (context.work / FILE).write_text(json.dumps({**written, "micro_batch": 2}))
    assert first.micro_batch == 8
    assert choose(context, SHAPE, 8).micro_batch == 2


def test_another_world_is_said_to_be_inexact(tmp_path: Path):
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
    assert largest_micro_batch(48, GIGABYTES, lambda size: step_bytes(SHAPE, size)) == 48
    huge = ModelShape(SIZES, 10**12, row_length=64)
    assert largest_micro_batch(48, GIGABYTES, lambda size: step_bytes(huge, size)) == 1
    room = 2 * step_bytes(SHAPE, 12)
    assert largest_micro_batch(48, room, lambda size: step_bytes(SHAPE, size)) == 12


def test_models_that_lie_beside_the_trained_one_leave_less_room():
    alone, crowded = SHAPE, ModelShape(SIZES, SIZES.parameters, row_length=64, beside=GIGABYTES // 4)
    sizes = [choose_micro_batch(Runtime(), shape, 4096, GIGABYTES) for shape in (alone, crowded)]
    assert sizes[0] > sizes[1] > 1


def test_a_micro_batch_that_does_not_divide_is_refused():
    with pytest.raises(StageError, match="micro_batch 3 does not divide the 8 sequences"):
        choose_micro_batch(Runtime(micro_batch=3), SHAPE, 8, GIGABYTES)


def test_a_process_holds_its_share_of_what_is_sharded():
    """Weights, gradients and two moments are 16 bytes a parameter; DDP's buckets make them 20."""
    shape = replace(SHAPE, parameters=10**10)
    held = {name: sum(shared_bytes(shape, name, 8)) / 10**10 for name in ("ddp", "zero2", "zero3", "fsdp2", "tp")}
    assert held["ddp"] == 20
    assert held["zero2"] == pytest.approx(4 + 12 / 8, abs=0.3)  # and a bucket of gradients
    assert held["zero3"] == held["fsdp2"] == pytest.approx(16 / 8, abs=0.1) and held["tp"] == 2


def test_one_process_shards_nothing():
    assert step_bytes(SHAPE, 4, strategy="fsdp2") == step_bytes(SHAPE, 4)
