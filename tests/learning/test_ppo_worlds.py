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


def test_with_the_kl_in_the_loss_the_optimum_is_the_same():
    assert trained_gap(bandit(), updates=60, seed=0, kl={"estimator": "k2"}) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_critic_on_the_policy_reaches_the_optimum(seed):
    shared = {"critic": {"network": "shared"}, "critic_learning_rate": None}
    assert trained_gap(bandit(), updates=60, seed=seed, **shared) <= 0.005


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_counting_comes_close_to_the_optimum(seed):
    assert trained_gap(count(), updates=120, seed=seed) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_regular_language_comes_close_to_the_optimum(seed):
    assert trained_gap(regular(), updates=100, seed=seed) <= 0.15


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_answers_of_any_length_come_close_to_the_optimum(seed):
    assert trained_gap(ending(), updates=160, seed=seed, learning_rate=5e-3, minibatches=2) <= 0.25
