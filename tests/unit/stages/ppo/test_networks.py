from __future__ import annotations

import pytest
import torch

from pipeline.stages.ppo.layout import Packer
from pipeline.stages.ppo.networks import (
    Critic,
    Policy,
    TrainedPolicy,
    critic_from_policy,
    critic_on_policy,
    frozen_copy,
)
from pipeline.stages.ppo.rollout import evaluate
from tests.learning.ppo_on_worlds import small_llama
from tests.unit.models.tiny import tiny_decoder

PROMPTS = [(5, 6, 7), (8,), (9, 10, 11, 12, 13)]
TOKENS = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 0], [3, 0, 0, 0]])
MASK = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
PAD = 15


def outputs(network, packer):
    with torch.no_grad():
        return evaluate(network, packer.lay_out(PROMPTS, TOKENS, MASK), TOKENS.shape)


def plain_log_probs(model, prompt, answer, temperature):
    """One row without padding, in the obvious way."""
    logits = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0] / temperature
    rows = logits.log_softmax(dim=-1)[len(prompt) - 1 : -1]
    return rows.gather(1, torch.tensor(answer)[:, None])[:, 0]


@pytest.mark.parametrize("packer", [Packer(12, PAD), Packer(1, PAD), Packer(12, PAD, 8), Packer(99, PAD, 8)])
def test_log_probs_of_a_batch_are_those_of_each_row_alone(packer):
    model = small_llama(16, seed=0)
    log_probs = outputs(Policy(model, 0.7, PAD), packer)
    for row, prompt in enumerate(PROMPTS):
        length = int(MASK[row].sum())
        expected = plain_log_probs(model, prompt, TOKENS[row, :length].tolist(), 0.7)
        torch.testing.assert_close(log_probs[row, :length], expected, atol=2e-6, rtol=0)
        assert not log_probs[row, length:].any()


def test_what_the_losses_see_is_what_the_rollout_saw_and_the_entropy_is_the_distributions():
    policy, (layout,) = Policy(small_llama(16, seed=0), 0.7, PAD), Packer(99, PAD, 8).lay_out(PROMPTS, TOKENS, MASK)
    found = TrainedPolicy(policy, entropy=True)(layout)
    assert torch.equal(found.log_probs, policy(layout))
    expected = torch.distributions.Categorical(logits=policy.read(layout)[0]).entropy()
    torch.testing.assert_close(found.entropy, expected)
    assert TrainedPolicy(policy, entropy=False)(layout).entropy is None


def test_a_value_belongs_to_the_position_before_its_token_and_is_normalised():
    model = small_llama(16, seed=0)
    head = torch.nn.Linear(32, 1, bias=False)
    critic = Critic(model.base_model, head, PAD, mean=2.0, std=4.0)
    values = outputs(critic, Packer(1000, PAD, 8))
    hidden = model.base_model(input_ids=torch.tensor([[5, 6, 7, 1, 2, 3]])).last_hidden_state[0, 2:]
    torch.testing.assert_close(values[0], (head(hidden)[:, 0] - 2) / 4, atol=1e-6, rtol=0)


def test_a_critic_from_the_policy_expects_nothing_and_shares_no_weight():
    model = small_llama(16, seed=0)
    critic = critic_from_policy(model, PAD)
    assert not outputs(critic, Packer(100, PAD)).any()
    assert {weight.data_ptr() for weight in critic.parameters()}.isdisjoint(w.data_ptr() for w in model.parameters())


@pytest.mark.parametrize("make", [lambda: small_llama(16, seed=0), lambda: tiny_decoder(vocab_size=16)])
def test_a_critic_on_the_policy_has_the_same_values_in_the_rollout_and_in_training(make):
    model = make()
    critic, policy = critic_on_policy(model, PAD), Policy(model, 1.0, PAD)
    torch.nn.init.normal_(critic.head.weight)
    assert critic.is_head_of(policy)
    (layout,) = Packer(99, PAD, 8).lay_out(PROMPTS, TOKENS, MASK)
    found = TrainedPolicy(policy, entropy=False, critic=critic)(layout)
    torch.testing.assert_close(found.values, critic(layout))
    torch.testing.assert_close(found.log_probs, policy(layout))


def test_the_reference_does_not_move_with_the_policy():
    policy = Policy(small_llama(16, seed=0), 1.0, PAD)
    reference = frozen_copy(policy)
    before = outputs(reference, Packer(100, PAD))
    with torch.no_grad():
        next(policy.parameters()).add_(1.0)
    assert torch.equal(outputs(reference, Packer(100, PAD)), before)
    assert not any(weight.requires_grad for weight in reference.parameters())
