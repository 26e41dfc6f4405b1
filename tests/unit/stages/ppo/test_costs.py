"""What a plan says that the models hold is what they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.stages.ppo.costs import Company
from pipeline.stages.ppo.prompts import Prompt
from pipeline.stages.ppo.stage import company_of
from pipeline.training.lora import adapter_parameters
from pipeline.training.memory import ModelShape, shape_of
from tests.learning.ppo_chain import settings
from tests.learning.ppo_on_worlds import make_trainer, small_llama


@pytest.mark.parametrize("lora", [None, {"rank": 4}])
@pytest.mark.parametrize("network", ["policy", "shared"])
def test_weights_and_optimizer_states_are_those_foreseen(network: str, lora: dict[str, Any] | None):
    config = settings(critic={"network": network}, lora=lora)
    model = small_llama(12, seed=0)
    plain = shape_of(model, row_length=16)
    trainer = make_trainer(
        model, config, lambda prompts, responses: [float(len(response)) for response in responses],
        [Prompt((1, 2))], end_ids=[11],
    )  # fmt: skip
    adapter = adapter_parameters(config.lora, plain.sizes)
    shape = replace(plain, parameters=plain.parameters + (adapter or 0), trained=adapter)
    foreseen = company_of(config, trainer.critic, 0).state_bytes(shape)
    trainer.step()
    assert trainer.state_bytes() == pytest.approx(foreseen, rel=0.02)


def test_a_process_holds_its_share_of_what_is_sharded():
    """Policy and critic of 100 weights each, a reference and a reward model that stay whole."""
    sizes = shape_of(small_llama(12, seed=0), row_length=16).sizes
    policy, company = ModelShape(sizes, 100, row_length=16), Company(sizes, 100, reward_parameters=50)
    frozen, weights, moments = 4 * 150, 4 * 200, 8 * 200
    held = {name: company.state_bytes(policy, 4, name) for name in ("ddp", "zero2", "zero3", "fsdp2", "tp")}
    assert held["ddp"] == frozen + weights + moments
    assert held["zero2"] == frozen + weights + moments // 4
    assert held["zero3"] == held["fsdp2"] == held["tp"] == frozen + (weights + moments) // 4
