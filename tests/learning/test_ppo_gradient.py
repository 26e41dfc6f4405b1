"""The exact-gradient oracle: PPO's own rewards, advantages and loss must give the gradient of the objective itself.

Every string of a small world is in one batch, weighted by its probability. At ratio 1 the gradient of the policy loss is
then that of J = E[reward - beta log policy/reference], for lambda 1 with any values and for every lambda with exact ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline.stages.ppo.advantages import gae
from pipeline.stages.ppo.batches import Part
from pipeline.stages.ppo.losses import kl_loss, policy_loss
from pipeline.stages.ppo.networks import Outputs, entropy_of
from pipeline.stages.ppo.rewards import episode_scores, token_rewards
from pipeline.stages.ppo.update import objective
from tests.learning.worlds import World

pytestmark = pytest.mark.learning

BETA, PENALTY, END = 0.5, 1.0, 3
WORLD = World(4, 4, lambda string: float(string.count(1)), beta=BETA, end=END)
BEGIN = WORLD.size


@dataclass(frozen=True)
class Strings:
    """All 121 strings as PPO sees them; tensors (strings, length) but scores and ended (strings,)."""

    tokens: Tensor
    mask: Tensor
    log_probs: Tensor
    ref_log_probs: Tensor
    scores: Tensor
    ended: Tensor
    parameters: list[Tensor]

    @property
    def probabilities(self) -> Tensor:
        return (self.log_probs * self.mask).sum(dim=1).detach().exp()


def small_model(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=WORLD.size + 1, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    model = LlamaForCausalLM(config).double()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # far from uniform
    return model


def token_log_probs(model: LlamaForCausalLM, tokens: Tensor) -> Tensor:
    inputs = torch.cat([torch.full((len(tokens), 1), BEGIN), tokens], dim=1)[:, :-1]
    logits = model(input_ids=inputs).logits[..., : WORLD.size]  # the begin token is no part of the world
    return logits.log_softmax(dim=-1).gather(-1, tokens[..., None])[..., 0]


@pytest.fixture(scope="module")
def strings() -> Strings:
    listed = WORLD.strings()
    lengths = torch.tensor([len(string) for string in listed])
    mask = (torch.arange(WORLD.length) < lengths[:, None]).double()
    tokens = torch.tensor([string + (0,) * (WORLD.length - len(string)) for string in listed])
    policy, reference = small_model(0), small_model(1)
    with torch.no_grad():
        ref_log_probs = token_log_probs(reference, tokens)
    return Strings(
        tokens, mask, token_log_probs(policy, tokens), ref_log_probs,
        scores=torch.tensor([WORLD.reward(string) for string in listed], dtype=torch.float64),
        ended=torch.tensor([string[-1] == END for string in listed]),
        parameters=[parameter for parameter in policy.parameters() if parameter.requires_grad],
    )  # fmt: skip


def flat_gradient(loss: Tensor, strings: Strings) -> Tensor:
    parts = torch.autograd.grad(loss, strings.parameters, retain_graph=True)
    return torch.cat([part.flatten() for part in parts])


def exact_gradient(strings: Strings) -> Tensor:
    log_probs = (strings.log_probs * strings.mask).sum(dim=1)
    ref_log_probs = (strings.ref_log_probs * strings.mask).sum(dim=1)
    rewards = strings.scores - PENALTY * (~strings.ended).double()
    return flat_gradient((log_probs.exp() * (rewards - BETA * (log_probs - ref_log_probs))).sum(), strings)


def exact_values(strings: Strings) -> Tensor:
    """The expected sum of what is still to come, before each token: a mean over all strings that begin alike."""
    rewards = rewards_of(strings)
    togo = rewards.flip(1).cumsum(1).flip(1)
    values = torch.zeros_like(togo)
    for t in range(WORLD.length):
        alike = (strings.tokens[:, None, :t] == strings.tokens[None, :, :t]).all(dim=-1) & (strings.mask[:, t] > 0)
        weights = alike * strings.probabilities
        values[:, t] = (weights * togo[:, t]).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-300)
    return values * strings.mask


def rewards_of(strings: Strings) -> Tensor:
    scores = episode_scores(strings.scores, strings.ended, 10.0, PENALTY)
    return token_rewards(scores, strings.log_probs.detach(), strings.ref_log_probs, strings.mask, BETA)


def ppo_gradient(
    strings: Strings, *, gae_lambda: float = 1.0, values: Tensor | None = None, rewards: Tensor | None = None,
    log_probs: Tensor | None = None, loss_mask: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The gradient of PPO's policy loss at ratio 1; every argument replaces one of the tensors by a faulty one."""
    values = torch.zeros_like(strings.mask) if values is None else values
    rewards = rewards_of(strings) if rewards is None else rewards
    log_probs = strings.log_probs if log_probs is None else log_probs
    loss_mask = strings.mask if loss_mask is None else loss_mask
    advantages = gae(rewards, values, strings.mask, 1.0, gae_lambda)
    weights = loss_mask * strings.probabilities[:, None]
    loss = policy_loss(log_probs, log_probs.detach(), advantages, weights, clip_range=0.2)
    return flat_gradient(-loss.total, strings)


def error(gradient: Tensor, strings: Strings) -> float:
    exact = exact_gradient(strings)
    return float((gradient - exact).norm() / exact.norm())


def test_the_world_is_whole(strings):
    assert len(strings.tokens) == 121
    assert float(strings.probabilities.sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("baseline", ["zero", "exact", "any"])
def test_with_lambda_one_any_baseline_gives_the_exact_gradient(strings, baseline):
    # A baseline may depend on what came before the token, so "any" is a number for each position.
    values = {
        "zero": None,
        "exact": exact_values(strings),
        "any": torch.tensor([3.0, -1.0, 2.0, 5.0]).double() * strings.mask,
    }[baseline]
    assert error(ppo_gradient(strings, values=values), strings) < 1e-5


@pytest.mark.parametrize("gae_lambda", [0.0, 0.95])
def test_with_exact_values_any_lambda_gives_the_exact_gradient(strings, gae_lambda):
    values = exact_values(strings)
    assert error(ppo_gradient(strings, gae_lambda=gae_lambda, values=values), strings) < 1e-5


def numbers_of_answers(strings: Strings) -> Tensor:
    return torch.arange(len(strings.mask))[:, None].expand_as(strings.mask)


def gradient_with_kl_in_the_loss(strings: Strings, kl_total: Tensor) -> Tensor:
    """The scores alone go through the advantages; `kl_total` is what the loss adds for the KL divergence."""
    scores = episode_scores(strings.scores, strings.ended, None, PENALTY)
    rewards = token_rewards(scores, strings.log_probs.detach(), strings.ref_log_probs, strings.mask, 0.0)
    return ppo_gradient(strings, rewards=rewards) - BETA * flat_gradient(kl_total, strings)


def test_k2_in_the_loss_gives_the_exact_gradient(strings):
    weights = strings.mask * strings.probabilities[:, None]
    kl = kl_loss(strings.log_probs, strings.ref_log_probs, weights, numbers_of_answers(strings))
    assert error(gradient_with_kl_in_the_loss(strings, kl.total), strings) < 1e-5


def test_the_entropy_bonus_earns_its_coefficient_a_nat(strings):
    """For strings of one token, where the entropy of the token is that of the string."""
    first = strings.tokens[:, 0][:, None] == torch.arange(WORLD.size)
    heads = torch.stack([strings.log_probs[column.nonzero()[0, 0], 0] for column in first.T])  # one of each beginning
    weights, rewards = heads.exp().detach(), torch.tensor([3.0, 1.0, -2.0, 0.5]).double()
    none = torch.zeros_like(heads)
    part = Part(
        heads.detach(), none, rewards, rewards, weights, none, torch.arange(4), None, torch.tensor(0.7).double()
    )
    surrogate = policy_loss(heads, heads.detach(), rewards, weights, clip_range=0.2)
    found = flat_gradient(-objective(surrogate, Outputs(heads, entropy_of(heads).expand(4)), part).total, strings)
    exact = flat_gradient((heads.exp() * (rewards - 0.7 * heads)).sum(), strings)
    assert float((found - exact).norm() / exact.norm()) < 1e-5


def k2_of_each_token(strings: Strings) -> Tensor:
    weights = strings.mask * strings.probabilities[:, None]
    return gradient_with_kl_in_the_loss(
        strings, (0.5 * (strings.log_probs - strings.ref_log_probs).square() * weights).sum()
    )


def k3_in_the_loss(strings: Strings) -> Tensor:
    difference = ((strings.ref_log_probs - strings.log_probs) * strings.mask).sum(dim=1)
    return gradient_with_kl_in_the_loss(
        strings, ((difference.exp() - 1 - difference) * strings.probabilities.detach()).sum()
    )


def end_left_out_of_the_loss(strings: Strings) -> Tensor:
    return ppo_gradient(strings, loss_mask=strings.mask * (strings.tokens != END))


def kl_not_charged_on_the_end(strings: Strings) -> Tensor:
    scores = episode_scores(strings.scores, strings.ended, None, PENALTY)
    kept = strings.mask * (strings.tokens != END)
    rewards = token_rewards(scores * 0, strings.log_probs.detach(), strings.ref_log_probs, kept, BETA)
    return ppo_gradient(strings, rewards=at_position(rewards, strings, scores, 0))


def at_position(rewards: Tensor, strings: Strings, scores: Tensor, shift: int) -> Tensor:
    place = (strings.mask.sum(dim=1).long() - 1 + shift).clamp(0, WORLD.length - 1)
    return rewards.index_put((torch.arange(len(scores)), place), scores, accumulate=True)


def score_moved(shift: int) -> Callable[[Strings], Tensor]:
    def gradient(strings: Strings) -> Tensor:
        scores = episode_scores(strings.scores, strings.ended, None, PENALTY)
        no_scores = replace(strings, scores=strings.scores * 0, ended=torch.ones_like(strings.ended))
        return ppo_gradient(strings, rewards=at_position(rewards_of(no_scores), strings, scores, shift))

    return gradient


def k3_in_the_reward(strings: Strings) -> Tensor:
    difference = strings.ref_log_probs - strings.log_probs.detach()
    k3 = (difference.exp() - 1 - difference) * strings.mask
    scores = episode_scores(strings.scores, strings.ended, None, PENALTY)
    return ppo_gradient(strings, rewards=at_position(-BETA * k3, strings, scores, 0))


def log_probs_off_by_one(strings: Strings) -> Tensor:
    return ppo_gradient(strings, log_probs=torch.roll(strings.log_probs, 1, dims=1))


def other_temperature_in_the_loss(strings: Strings) -> Tensor:
    return ppo_gradient(strings, log_probs=strings.log_probs / 0.7)


def mean_per_answer(strings: Strings) -> Tensor:
    return ppo_gradient(strings, loss_mask=strings.mask / strings.mask.sum(dim=1, keepdim=True))


BUGS = {
    "the end token left out of the loss": end_left_out_of_the_loss,
    "no KL charged on the end token": kl_not_charged_on_the_end,
    "the score one token late": score_moved(1),
    "the score one token early": score_moved(-1),
    "k3 in the reward": k3_in_the_reward,
    "k2 of each token in the loss": k2_of_each_token,
    "k3 in the loss": k3_in_the_loss,
    "log-probabilities off by one": log_probs_off_by_one,
    "another temperature in the loss": other_temperature_in_the_loss,
    "a mean per answer": mean_per_answer,
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_seen(strings, bug):
    assert error(BUGS[bug](strings), strings) > 0.02  # healthy: below 1e-7
