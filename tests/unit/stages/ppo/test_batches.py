from __future__ import annotations

import pytest

from pipeline.stages.ppo.batches import minibatch_rows


@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_minibatches_are_the_same_for_any_number_of_processes(world_size):
    whole = minibatch_rows(32, 4, 0, [17, 3, 1])
    share = 32 // world_size
    parts = [minibatch_rows(share, 4, rank * share, [17, 3, 1]) for rank in range(world_size)]
    for index, rows in enumerate(whole):
        joined = [rank * share + row for rank, part in enumerate(parts) for row in part[index]]
        assert joined == rows
        assert all(len(part[index]) == share // 4 for part in parts)
    assert sorted(row for rows in whole for row in rows) == list(range(32))


def test_minibatches_differ_from_epoch_to_epoch():
    assert minibatch_rows(32, 4, 0, [17, 3, 1]) != minibatch_rows(32, 4, 0, [17, 3, 2])


def test_one_minibatch_is_the_whole():
    assert minibatch_rows(5, 1, 10, [0]) == [[0, 1, 2, 3, 4]]
