"""What a training says when it cannot go on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from pipeline.core.errors import StageError
from pipeline.core.stage import SingleProcess
from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.stages.pretrain.learner import Learner
from pipeline.stages.pretrain.loop import Loop
from pipeline.stages.pretrain.packing import PackedBatch
from pipeline.training.checkpoints import Cadence
from pipeline.training.order import EpochOrder
from pipeline.training.rows import RowPlan
from tests.unit.models.tiny import tiny_decoder, tiny_rows
from tests.unit.stages.pretrain.test_packing import rows_of
from tests.unit.stages.tiny import make_context


def loop(folder, micro_batch: int = 4) -> Loop:
    rows = rows_of(tiny_rows(60, 8, 16), 28)
    plan = RowPlan(rows.packing.row_lengths, EpochOrder(len(rows), 4, 6, 0), np.full(len(rows), 28))
    learner = Learner(tiny_decoder(), PretrainTrain(learning_rate=1e-3), 6, Accelerator(cpu=True))
    cadence = Cadence(2, 2, 1000, SingleProcess())
    return Loop(learner, rows, plan, PackedBatch(28, pad_id=0), micro_batch, 2, cadence, make_context(folder))


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


@pytest.mark.parametrize(("micro_batch", "way_on"), [(4, "micro_batch: 2"), (1, "a smaller decoder")])
def test_too_little_memory_names_the_micro_batch_tried_and_the_next(tmp_path, micro_batch, way_on):
    training = loop(tmp_path, micro_batch)

    def step(batches, tokens):
        raise torch.OutOfMemoryError("CUDA out of memory")

    training.learner.step = step
    with pytest.raises(
        StageError, match=rf"out of memory at step 1 with a micro-batch of {micro_batch}; give .*{way_on}"
    ):
        training.run()
