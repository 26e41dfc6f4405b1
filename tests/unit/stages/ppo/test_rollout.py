from __future__ import annotations

import pytest
import torch

from pipeline.core.errors import StageError
from pipeline.models import sampling
from pipeline.stages.ppo import rollout
from pipeline.stages.ppo.networks import Policy
from pipeline.stages.ppo.prompts import Prompt, column_values, prompt_of_episode
from pipeline.stages.ppo.rollout import Sampler, responses_of
from tests.learning.ppo_on_worlds import small_llama


def test_where_memory_is_short_fewer_answers_are_sampled_side_by_side_and_they_are_the_same(monkeypatch):
    policy, tried = Policy(small_llama(12, seed=0), 1.0, 0), []

    def limited(model, prompts, *arguments, **named):
        tried.append(len(prompts))
        if len(prompts) > room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
        return sampling.sample(model, prompts, *arguments, **named)

    monkeypatch.setattr(rollout, "sample", limited)
    prompts, room = [Prompt((1, 2 + row % 3)) for row in range(8)], 8
    wanted = Sampler(3, [11], 0, 6, 1.0)(policy, prompts, range(8))
    room = 3
    sampler = Sampler(3, [11], 0, 6, 1.0)
    for _ in range(2):
        assert torch.equal(sampler(policy, prompts, range(8)).tokens, wanted.tokens)
    assert tried == [8, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2] and sampler.rows == 2
    room = 0
    with pytest.raises(StageError, match="out of memory while a single answer of up to 6 tokens"):
        sampler(policy, prompts, range(8))


@pytest.mark.parametrize("rows", [1, 3, 12])
def test_samples_do_not_depend_on_the_batch(rows):
    policy = Policy(small_llama(12, seed=0), 1.0, 0)
    prompts = [Prompt(tuple(range(1, 2 + index % 4))) for index in range(12)]
    sampler = Sampler(seed=3, end_ids=[11], pad_id=0, max_new_tokens=10, temperature=1.0)
    whole = sampler(policy, prompts, list(range(100, 112)))
    sampler.rows = rows
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
