from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipeline.core.errors import StageError
from pipeline.models import sampling
from pipeline.stages.ppo import rollout
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


def test_micro_batches_do_not_change_the_update():
    config, prompts = settings(), [Prompt((1, 2)), Prompt((3,))]

    def score(prompts, responses):
        return [float(len(response)) for response in responses]

    figures = [
        make_trainer(small_llama(12, 0), config, score, prompts, end_ids=[11], micro_batch_tokens=tokens).step()
        for tokens in (1, 40, 10_000)
    ]
    for name in ("policy_grad_norm", "critic_grad_norm", "policy_loss", "value_loss"):
        assert [one[name] for one in figures] == pytest.approx([figures[0][name]] * 3, rel=1e-4, abs=1e-6)
