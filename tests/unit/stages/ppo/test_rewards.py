from __future__ import annotations

import torch

from pipeline.stages.ppo.rewards import episode_scores, kl_penalty, last_positions, token_rewards

MASK = torch.tensor([[1.0, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]])


def test_the_score_stands_at_the_last_real_token_and_kl_on_every_token():
    log_probs, ref_log_probs = torch.full((3, 4), -1.0), torch.full((3, 4), -3.0)
    rewards = token_rewards(torch.tensor([5.0, 6.0, 7.0]), log_probs, ref_log_probs, MASK, 0.1)
    expected = torch.tensor([[-0.2, -0.2, 4.8, 0], [5.8, 0, 0, 0], [-0.2, -0.2, -0.2, 6.8]])
    torch.testing.assert_close(rewards, expected)
    assert last_positions(MASK).tolist() == [2, 0, 3]


def test_scores_are_clipped_before_the_missing_end_is_charged():
    scores = episode_scores(torch.tensor([20.0, -20.0, 1.0]), torch.tensor([True, False, False]), 10.0, 1.0)
    assert scores.tolist() == [10.0, -11.0, 0.0]
    assert episode_scores(torch.tensor([20.0]), torch.tensor([True]), None, 1.0).tolist() == [20.0]


def test_expected_k1_is_the_kl_divergence():
    """Exact expectation over a categorical distribution: a batch of all outcomes, weighted by their probability."""
    generator = torch.Generator().manual_seed(0)
    policy, reference = torch.randn(2, 16, 1, generator=generator, dtype=torch.float64).log_softmax(dim=1)
    kl = torch.nn.functional.kl_div(reference, policy, log_target=True, reduction="sum")
    estimate = (kl_penalty(policy, reference, torch.ones(16, 1)) * policy.exp()).sum()
    torch.testing.assert_close(estimate, kl)
