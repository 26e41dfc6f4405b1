from __future__ import annotations

import numpy as np
import pytest

from pipeline.stages.instruct.mixing import mixed_order


def order_of(by_length=True, weights=(3.0, 1.0), steps=100, seed=5):
    lengths = [np.arange(100) % 7 + 5, np.arange(30) % 11 + 40]
    return mixed_order(lengths, weights, 8, steps, seed, by_length), np.concatenate(lengths)


@pytest.mark.parametrize("by_length", [True, False])
def test_rows_come_by_weight(by_length):
    order, _ = order_of(by_length)
    rows = np.concatenate(order)
    assert len(order) == 100 and len(rows) == 800
    assert (rows >= 100).sum() == 200


def test_no_row_comes_again_before_all_others_of_its_source():
    order, _ = order_of()
    counts = np.bincount(np.concatenate(order), minlength=130)
    assert counts[:100].tolist() == [6] * 100
    assert set(counts[100:]) <= {6, 7}


def test_rows_of_a_batch_are_of_like_length():
    def padding(by_length):
        order, lengths = order_of(by_length)
        return sum(lengths[batch].max() * len(batch) - lengths[batch].sum() for batch in order)

    assert padding(True) < padding(False) / 10


def test_batches_of_like_length_are_spread_over_time():
    order, lengths = order_of()
    means = [lengths[batch].mean() for batch in order[:50]]
    assert means != sorted(means)


def test_the_order_is_the_seeds_alone():
    same, other = order_of(seed=5)[0], order_of(seed=6)[0]
    assert np.array_equal(order_of(seed=5)[0], same)
    assert not np.array_equal(other, same)
