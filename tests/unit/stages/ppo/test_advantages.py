from __future__ import annotations

import itertools

import pytest
import torch

from pipeline.stages.ppo.advantages import gae, masked_moments, whiten

LENGTHS = [1, 7, 3, 5, 7]


def ragged(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(LENGTHS), max(LENGTHS))
    mask = (torch.arange(shape[1]) < torch.tensor(LENGTHS)[:, None]).double()
    rewards, values = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return rewards * mask, values, mask


def gae_by_definition(rewards, values, length, discount, gae_lambda):
    """The exponentially weighted mean of the k-step estimates (eq. 16), each written out; one episode, plain numbers."""

    def estimate(t, k):
        last = min(t + k, length)
        tail = discount ** (last - t) * values[last] if last < length else 0.0
        return sum(discount ** (s - t) * rewards[s] for s in range(t, last)) + tail - values[t]

    out = []
    for t in range(length):
        remaining = length - t
        head = sum((1 - gae_lambda) * gae_lambda ** (k - 1) * estimate(t, k) for k in range(1, remaining))
        out.append(head + gae_lambda ** (remaining - 1) * estimate(t, remaining))
    return out


@pytest.mark.parametrize(("discount", "gae_lambda"), itertools.product((1.0, 0.9), (0.0, 0.5, 0.95, 1.0)))
def test_gae_is_the_weighted_mean_of_k_step_estimates(discount, gae_lambda):
    rewards, values, mask = ragged(0)
    advantages = gae(rewards, values, mask, discount, gae_lambda)
    for row, length in enumerate(LENGTHS):
        expected = gae_by_definition(rewards[row].tolist(), values[row].tolist(), length, discount, gae_lambda)
        assert advantages[row, :length].tolist() == pytest.approx(expected, abs=1e-12)
        assert not advantages[row, length:].any()


def test_gae_with_lambda_one_is_the_return_minus_the_value():
    rewards, values, mask = ragged(1)
    togo = rewards.flip(1).cumsum(1).flip(1)
    torch.testing.assert_close(gae(rewards, values, mask, 1.0, 1.0), (togo - values) * mask, atol=1e-12, rtol=0)


def test_whitening_from_added_moments_equals_whitening_the_whole():
    _, values, mask = ragged(2)
    parts = masked_moments(values[:2], mask[:2]) + masked_moments(values[2:], mask[2:])
    white = torch.cat([whiten(values[:2], mask[:2], parts), whiten(values[2:], mask[2:], parts)])
    kept = white[mask.bool()]
    assert float(kept.mean()) == pytest.approx(0, abs=1e-12)
    assert float(kept.var(unbiased=False)) == pytest.approx(1, abs=1e-6)
    assert not white[~mask.bool()].any()


def test_whitening_keeps_equal_advantages_finite():
    mask = torch.ones(3, 2)
    assert whiten(mask * 5, mask, masked_moments(mask * 5, mask)).abs().max() < 1e-3
