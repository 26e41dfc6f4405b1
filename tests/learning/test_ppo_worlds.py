"""PPO, the whole trainer, against the exact optimum of small worlds. Thresholds are some six times what was measured."""

from __future__ import annotations

import pytest

from tests.learning.ppo_on_worlds import trained_gap
from tests.learning.worlds import bandit, count, ending, regular

pytestmark = pytest.mark.learning


def test_bandit_reaches_the_optimum():
    assert trained_gap(bandit(), updates=60, seed=0) <= 0.005


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bandit_reaches_the_optimum_from_other_seeds(seed):
    assert trained_gap(bandit(), updates=60, seed=seed) <= 0.005


@pytest.mark.slow
def test_counting_comes_close_to_the_optimum():
    assert trained_gap(count(), updates=120, seed=0) <= 0.05


@pytest.mark.slow
def test_a_regular_language_comes_close_to_the_optimum():
    assert trained_gap(regular(), updates=100, seed=0) <= 0.15


@pytest.mark.slow
def test_answers_of_any_length_come_close_to_the_optimum():
    assert trained_gap(ending(), updates=160, seed=0, learning_rate=5e-3, minibatches=2) <= 0.25
