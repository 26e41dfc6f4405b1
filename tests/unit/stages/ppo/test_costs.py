"""What a plan says that the models hold is what they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.stages.ppo.prompts import Prompt
from pipeline.stages.ppo.stage import company_of
from pipeline.training.lora import adapter_parameters
from pipeline.training.memory import shape_of
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
