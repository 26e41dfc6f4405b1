from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from pipeline.core.errors import StageError
from pipeline.models import sampling
from pipeline.stages.ppo import rollout
from pipeline.stages.ppo.kl_control import adapted
from pipeline.stages.ppo.prompts import Prompt
from tests.learning.ppo_chain import settings
from tests.learning.ppo_on_worlds import make_trainer, small_llama


def trainer(score=lambda prompts, responses: [float(len(response)) for response in responses], **changes):
    return make_trainer(
        small_llama(12, seed=0), settings(**changes), score, [Prompt((1, 2)), Prompt((3,))], end_ids=[11]
    )


def test_sampling_that_differs_from_training_is_an_error(monkeypatch):
    def faulty(*arguments, **named):
        samples = sampling.sample(*arguments, **named)
        return replace(samples, log_probs=samples.log_probs + 0.01)

    monkeypatch.setattr(rollout, "sample", faulty)
    with pytest.raises(StageError, match=r"update 1: sampling and training differ by 0\.01 nats"):
        trainer().step()


def test_a_figure_that_is_no_number_is_an_error():
    ill = trainer()
    with torch.no_grad():
        ill.critic.head.weight.fill_(float("nan"))
    with pytest.raises(StageError, match=r"update 1: .*value_loss.* not a finite number"):
        ill.step()


def test_nothing_is_drawn_from_the_global_generator():
    figures = []
    for seed in (1, 2):
        same = trainer(update={"minibatches": 2})
        torch.manual_seed(seed)
        figures.append([same.step() for _ in range(2)])
    assert figures[0] == figures[1]


def test_the_learning_rates_fall_to_zero_in_a_line():
    rates = [figures["learning_rate"] for figures in (lambda one: [one.step() for _ in range(4)])(trainer())]
    assert rates == pytest.approx([1e-3, 7.5e-4, 5e-4, 2.5e-4])


def test_an_adaptive_coefficient_follows_the_kl():
    adaptive = trainer(kl_coefficient=0.1, kl={"adaptive": {"target": 0.02, "horizon": 8}}, learning_rate=1e-2)
    figures = [adaptive.step() for _ in range(4)]
    assert figures[0]["kl_coefficient"] == 0.1
    assert figures[1]["kl_coefficient"] == pytest.approx(0.08)  # before the first step policy and reference are one
    for before, after in pairwise(figures):
        assert after["kl_coefficient"] == adapted(before["kl_coefficient"], before["kl"], 0.02, 8, 8)
    coefficients = [one["kl_coefficient"] for one in figures]
    assert any(later > earlier for earlier, later in pairwise(coefficients))


def test_charged_in_the_loss_the_kl_still_holds_the_policy():
    kl = {}
    for coefficient in (0.0, 1.0):
        held = trainer(steps=8, kl_coefficient=coefficient, kl={"estimator": "k2"}, learning_rate=3e-3)
        kl[coefficient] = [held.step() for _ in range(8)][-1]["kl"]
    assert kl[1.0] < 0.5 * kl[0.0]


def test_normalised_scores_do_not_depend_on_the_units_of_the_reward():
    def in_units(unit, offset):
        def score(prompts, responses):
            return [unit * (len(response) % 3) + offset for response in responses]

        one = trainer(score, scores={"normalize": True, "clip": 2.0}, update={"whiten_advantages": False})
        return [one.step() for _ in range(3)]

    for small, large in zip(in_units(1.0, 0.0), in_units(1000.0, -7000.0), strict=True):
        assert large["policy_grad_norm"] == pytest.approx(small["policy_grad_norm"], rel=1e-3)
        assert large["score"] == pytest.approx(1000 * small["score"] - 7000, rel=1e-6)


def test_an_update_that_went_far_takes_no_more_steps():
    changes = {"learning_rate": 3e-2, "critic_learning_rate": 1e-3}

    def one_step(**limit):
        return trainer(update={"epochs": 6, "minibatches": 1, **limit}, **changes).step()

    free, held = one_step(), one_step(max_approx_kl=0.02)
    assert free["optimizer_steps"] == 6 and free["approx_kl"] > 0.02
    assert 1 <= held["optimizer_steps"] < 6
    assert one_step(max_approx_kl=1e9) == free


def test_an_entropy_bonus_keeps_the_policy_open():
    def threes(prompts, responses):
        return [float(response.count(3)) for response in responses]

    entropy = {}
    for coefficient in (0.0, 0.5):
        update = {"entropy_coefficient": coefficient}
        one = trainer(threes, steps=12, kl_coefficient=0.0, learning_rate=1e-2, update=update, global_batch_size=32)
        entropy[coefficient] = [one.step()["entropy"] for _ in range(12)][-1]
    assert entropy[0.5] > entropy[0.0] + 0.3


def test_while_the_critic_warms_up_the_policy_stays():
    one = trainer(critic={"warmup_steps": 2})
    before, error = copy.deepcopy(one.policy.state_dict()), []
    for _ in range(2):
        figures = one.step()
        error.append(figures["value_loss"])
        assert "policy_loss" not in figures and "policy_grad_norm" not in figures
    assert all(torch.equal(before[name], weights) for name, weights in one.policy.state_dict().items())
    assert error[1] < error[0]
    assert "policy_loss" in one.step()
    assert any(not torch.equal(before[name], weights) for name, weights in one.policy.state_dict().items())


def test_a_critic_on_the_policy_comes_to_know_the_returns():
    def by_prompt(prompts, responses):
        return [float(len(prompt.ids)) for prompt in prompts]

    shared = {"network": "shared", "loss_weight": 1.0}
    one = trainer(by_prompt, steps=30, learning_rate=3e-3, critic=shared, update={"value_clip_range": None})
    figures = [one.step() for _ in range(30)]
    assert figures[-1]["explained_variance"] > 0.8 > 0.1 > abs(figures[0]["explained_variance"])
    assert "critic_grad_norm" not in figures[-1] and "critic_learning_rate" not in figures[-1]


def test_what_a_token_brings_and_how_many_answers_differ():
    figures = trainer(lambda prompts, responses: [0.5 * len(response) - 3 for response in responses]).step()
    assert figures["score_per_token"] == pytest.approx(0.5)
    assert 0.9 <= figures["distinct"] <= 1
    same = trainer(sampling={"max_new_tokens": 1, "temperature": 1e-4}, global_batch_size=32).step()
    assert same["distinct"] == 2 / 32  # two prompts, the likeliest token after each
    assert same["score_per_token"] == 0


def test_micro_batches_do_not_change_the_update():
    config = settings(kl={"estimator": "k2"}, kl_coefficient=1.0, update={"entropy_coefficient": 0.1})
    prompts = [Prompt((1, 2)), Prompt((3,))]

    def score(prompts, responses):
        return [float(len(response)) for response in responses]

    figures = [
        make_trainer(small_llama(12, 0), config, score, prompts, end_ids=[11], micro_batch_tokens=tokens).step()
        for tokens in (1, 40, 10_000)
    ]
    for name in ("policy_grad_norm", "critic_grad_norm", "policy_loss", "value_loss"):
        assert [one[name] for one in figures] == pytest.approx([figures[0][name]] * 3, rel=1e-4, abs=1e-6)
