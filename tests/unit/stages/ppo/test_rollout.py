from __future__ import annotations

import pytest
import torch

from pipeline.stages.ppo import rollout
from pipeline.stages.ppo.networks import Policy
from pipeline.stages.ppo.prompts import Prompt, column_values, prompt_of_episode
from pipeline.stages.ppo.rollout import Sampler, responses_of
from tests.learning.ppo_on_worlds import small_llama


@pytest.mark.parametrize("rows", [1, 3, 12])
def test_samples_do_not_depend_on_the_batch(monkeypatch, rows):
    policy = Policy(small_llama(12, seed=0), 1.0, 0)
    prompts = [Prompt(tuple(range(1, 2 + index % 4))) for index in range(12)]
    sampler = Sampler(seed=3, end_ids=[11], pad_id=0, max_new_tokens=10, temperature=1.0)
    whole = sampler(policy, prompts, list(range(100, 112)))
    monkeypatch.setattr(rollout, "SAMPLING_ROWS", rows)
    parts = sampler(policy, prompts, list(range(100, 112)))
    assert responses_of(parts.tokens, parts.mask) == responses_of(whole.tokens, whole.mask)
    assert torch.equal(parts.ended, whole.ended)
    torch.testing.assert_close(parts.log_probs, whole.log_probs, atol=1e-5, rtol=0)


def test_every_prompt_is_answered_once_per_pass_in_an_order_of_its_own():
    passes = [[prompt_of_episode(7 * epoch + place, 7, seed=17) for place in range(7)] for epoch in range(3)]
    assert all(sorted(order) == list(range(7)) for order in passes)
    assert len({tuple(order) for order in passes}) == 3


def test_columns_come_as_lists():
    prompts = [Prompt((1,), [], {"topic": "a", "row": 1}), Prompt((2,), [], {"topic": "b", "row": 2})]
    assert column_values(prompts) == {"topic": ["a", "b"], "row": [1, 2]}
    assert column_values([]) == {}
