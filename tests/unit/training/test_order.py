from __future__ import annotations

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import BatchSampler

from pipeline.core.errors import StageError
from pipeline.training.config import TrainConfig
from pipeline.training.length import steps_of
from pipeline.training.order import EpochOrder, OrderSampler, permuted


@pytest.mark.parametrize("size", [1, 2, 3, 64, 65, 1000, 4097])
@pytest.mark.parametrize("epoch", [0, 1, 2**62])
def test_every_row_comes_once_in_a_permutation(size, epoch):
    rows = permuted(np.arange(size), size, seed=17, epoch=epoch)
    assert sorted(rows.tolist()) == list(range(size))


def test_permutations_differ_by_seed_and_by_epoch_and_are_the_same_again():
    places = np.arange(500)
    first = permuted(places, 500, seed=17, epoch=0).tolist()
    assert first == permuted(places, 500, seed=17, epoch=0).tolist()
    assert first != permuted(places, 500, seed=18, epoch=0).tolist()
    assert first != permuted(places, 500, seed=17, epoch=1).tolist()


def test_a_permutation_looks_random():
    rows = permuted(np.arange(10_000), 10_000, seed=3, epoch=0)
    assert abs(np.corrcoef(rows, np.arange(10_000))[0, 1]) < 0.03
    assert abs(np.corrcoef(rows[1:], rows[:-1])[0, 1]) < 0.03


def test_an_epoch_drops_its_last_partial_batch_and_repeats_no_row():
    order = EpochOrder(rows=23, batch_size=5, steps=9, seed=1)
    epochs = [np.concatenate([order[step] for step in steps]) for steps in (range(4), range(4, 8))]
    assert all(len(set(epoch.tolist())) == 20 for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


@pytest.mark.parametrize(("world_size", "micro_batch"), [(1, 8), (1, 2), (2, 4), (2, 2), (4, 2)])
def test_any_number_of_processes_reads_the_same_global_batches(world_size, micro_batch):
    """Through accelerate's own dealer: step by step, all processes' micro-batches are our global batch."""
    order = EpochOrder(rows=50, batch_size=8, steps=13, seed=2)
    batches = BatchSampler(OrderSampler(order), micro_batch, drop_last=True)
    shards = [list(BatchSamplerShard(batches, world_size, rank)) for rank in range(world_size)]
    accumulation = 8 // (world_size * micro_batch)
    for step in range(13):
        mine = slice(step * accumulation, (step + 1) * accumulation)
        read = [row for shard in shards for micro in shard[mine] for row in micro]
        assert sorted(read) == sorted(order[step].tolist())


def test_lengths_become_steps():
    assert steps_of(TrainConfig(tokens=1000, global_batch_size=4), rows=100, tokens_per_row=10.0) == 25
    assert steps_of(TrainConfig(epochs=1.5, global_batch_size=8), rows=50, tokens_per_row=1.0) == 9
    assert steps_of(TrainConfig(steps=7), rows=50, tokens_per_row=1.0) == 7


def test_fewer_rows_than_a_batch_are_refused():
    with pytest.raises(StageError, match="5 rows are fewer than one global batch of 8"):
        steps_of(TrainConfig(steps=7), rows=5, tokens_per_row=1.0)
