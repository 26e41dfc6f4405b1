"""What a training says when it cannot go on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from pipeline.core.errors import StageError
from pipeline.core.stage import SingleProcess
from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.stages.pretrain.held_out import HeldOut
from pipeline.stages.pretrain.learner import Learner
from pipeline.stages.pretrain.loop import Loop
from pipeline.stages.pretrain.monitor import Monitor
from pipeline.stages.pretrain.packing import PackedBatch
from pipeline.training.checkpoints import Cadence
from pipeline.training.order import EpochOrder
from pipeline.training.rows import RowPlan
from tests.unit.models.tiny import tiny_decoder, tiny_rows, tiny_tokenizer
from tests.unit.stages.pretrain.test_packing import rows_of
from tests.unit.stages.tiny import FakeRank, make_context


def loop(folder, micro_batch: int = 4, rank: int = 0, world_size: int = 1) -> Loop:
    rows = rows_of(tiny_rows(60, 8, 16), 28)
    plan = RowPlan(rows.packing.row_lengths, EpochOrder(len(rows), 8, 6, 0), np.full(len(rows), 28))
    learner = Learner(tiny_decoder(), PretrainTrain(learning_rate=1e-3), 6, Accelerator(cpu=True))
    cadence = Cadence(2, 2, 1000, SingleProcess())
    processes = SingleProcess() if world_size == 1 else FakeRank(rank, world_size)
    context = make_context(folder, processes=processes)
    held_out = HeldOut(learner.model, tiny_tokenizer(), [{"text": "mill"}], context)
    monitor = Monitor(plan, np.ones(len(rows)), 1.0, 1.0, held_out)
    return Loop(learner, rows, plan, PackedBatch(28, pad_id=0), micro_batch, 2, cadence, monitor, context)


def test_a_loss_that_is_no_number_names_step_documents_and_the_last_good_state(tmp_path):
    training = loop(tmp_path)
    taught, broken = training.learner.step, []

    def step(batches, tokens):
        if training.learner.done == 2:  # the third step
            broken.append(training.rows.documents(training.plan.order[2])[0])
            with torch.no_grad():
                training.learner.model.model.norm.weight.fill_(float("nan"))
        return taught(batches, tokens)

    training.learner.step = step
    with pytest.raises(
        StageError, match=r"step 3: the loss is nan, on the corpus' training documents \d+, .*checkpoint-2 is the"
    ) as caught:
        training.run()
    assert f"documents {broken[0]}," in str(caught.value)


def gpu_runs_out():
    raise torch.OutOfMemoryError("CUDA out of memory")


def processor_runs_out():
    torch.empty(2**52, dtype=torch.uint8)


@pytest.mark.parametrize("runs_out", [gpu_runs_out, processor_runs_out])
@pytest.mark.parametrize(("micro_batch", "way_on"), [(4, "micro_batch: 2"), (1, "a smaller decoder")])
def test_too_little_memory_names_the_micro_batch_tried_and_the_next(tmp_path, micro_batch, way_on, runs_out):
    training = loop(tmp_path, micro_batch)

    def step(batches, tokens):
        runs_out()

    training.learner.step = step
    with pytest.raises(
        StageError, match=rf"out of memory at step 1 with a micro-batch of {micro_batch}; give .*{way_on}"
    ):
        training.run()


def test_another_runtime_error_stays_what_it_is(tmp_path):
    training = loop(tmp_path)

    def step(batches, tokens):
        raise RuntimeError("shapes cannot be multiplied")

    training.learner.step = step
    with pytest.raises(RuntimeError, match="multiplied"):
        training.run()


def rows_read(training: Loop, first: int, last: int) -> list[list[int]]:
    """The tokens that one process reads, row by row."""
    return [
        row
        for step in range(first, last)
        for part in training.micro_batches(step)
        for row in part["input_ids"].tolist()
    ]


def global_batches(folder, world_size: int, first: int = 0, last: int = 6) -> list[list[list[int]]]:
    """The rows of each step, those of rank 0 first."""
    ranks = [loop(folder, 1, rank, world_size) for rank in range(world_size)]
    return [[row for rank in ranks for row in rows_read(rank, step, step + 1)] for step in range(first, last)]


def test_any_number_of_processes_reads_the_same_global_batches(tmp_path):
    alone = global_batches(tmp_path, 1)
    assert all(global_batches(tmp_path, world_size) == alone for world_size in (2, 4, 8))


def test_a_change_of_world_size_in_the_middle_of_an_epoch_loses_and_repeats_no_row(tmp_path):
    epoch = loop(tmp_path).plan.order.rows // 8
    read = [
        *global_batches(tmp_path, 2, 0, 1),
        *global_batches(tmp_path, 8, 1, 2),
        *global_batches(tmp_path, 4, 2, epoch),
    ]
    rows = [tuple(row) for batch in read for row in batch]
    assert len(set(rows)) == len(rows) == 8 * epoch
