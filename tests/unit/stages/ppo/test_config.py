"""Every setting of ppo acts: another value gives another policy or another critic."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import BaseModel

from pipeline.core.references import Reference
from pipeline.stages.ppo.config import STAGE, Config
from pipeline.stages.ppo.prompts import Prompt
from tests.learning.ppo_on_worlds import make_trainer, small_llama

BASE = {
    "steps": 2, "global_batch_size": 16, "learning_rate": 1e-3, "sampling": {"max_new_tokens": 5},
    "update": {"epochs": 2}, "policy": "policy", "reward": "reward", "prompts": "./prompts.jsonl",
}  # fmt: skip

OTHER = {
    "steps": 3, "global_batch_size": 8, "kl_coefficient": 1.0, "learning_rate": 3e-3, "critic_learning_rate": 1e-2,
    "kl.estimator": "k2", "kl.adaptive": {"target": 1e-3, "horizon": 16},
    "sampling.max_new_tokens": 3, "sampling.temperature": 0.5, "scores.clip": 0.5, "scores.missing_end_penalty": 5.0,
    "scores.normalize": True, "update.entropy_coefficient": 0.5, "update.max_approx_kl": 1e-6,
    "update.epochs": 1, "update.minibatches": 2, "update.clip_range": 1e-4, "update.value_clip_range": 1e-4,
    "update.discount": 0.5, "update.gae_lambda": 0.3, "update.whiten_advantages": False, "update.max_grad_norm": 0.01,
    "critic.network": "shared", "critic.warmup_steps": 1, "optimizer.schedule": "constant", "optimizer.adam_beta1": 0.5, "optimizer.adam_beta2": 0.5,
    "optimizer.adam_epsilon": 0.1,
}  # fmt: skip

ELSEWHERE = {
    "policy", "reward", "prompts", "checkpoint_every", "critic.loss_weight", "update.pretraining", "lora", "course",
}  # fmt: skip
"""Inputs, tested with the stage; the cadence of checkpoints and the course, which must not change the result; what acts
with another; and the adapter (`test_adapters`)."""


def leaves(config: type[BaseModel], prefix: str = "") -> set[str]:
    names = set()
    for name, field in config.model_fields.items():
        group: Any = field.annotation
        nested = isinstance(group, type) and issubclass(group, BaseModel) and not issubclass(group, Reference)
        names |= leaves(group, f"{prefix}{name}.") if nested else {prefix + name}
    return names


def changed(path: str, value: Any) -> Config:
    tree = {name: dict(entry) if isinstance(entry, dict) else entry for name, entry in BASE.items()}
    *groups, leaf = path.split(".")
    for group in groups:
        tree.setdefault(group, {})
    (tree[groups[0]] if groups else tree)[leaf] = value
    return Config.model_validate(tree)


def weights_after(config: Config) -> tuple[torch.Tensor, torch.Tensor]:
    def score(prompts: Any, responses: Any) -> list[float]:
        return [float(response.count(3)) - 0.1 * len(response) for response in responses]

    trainer = make_trainer(small_llama(6, 0, 16, 1), config, score, [Prompt((0, 1)), Prompt((2,))], end_ids=[5])
    for _ in range(2):
        trainer.step()
    flat = [torch.cat([w.detach().flatten() for w in part.parameters()]) for part in (trainer.policy, trainer.critic)]
    return flat[0], flat[1]


@pytest.fixture(scope="module")
def base() -> tuple[torch.Tensor, torch.Tensor]:
    return weights_after(Config.model_validate(BASE))


def test_the_same_settings_give_the_same_bits(base: Any):
    again = weights_after(Config.model_validate(BASE))
    assert all(torch.equal(one, other) for one, other in zip(base, again, strict=True))


def test_every_setting_is_tried():
    assert leaves(Config) == set(OTHER) | ELSEWHERE


@pytest.mark.parametrize("path", OTHER)
def test_a_setting_acts(base: Any, path: str):
    other = weights_after(changed(path, OTHER[path]))
    assert not all(torch.equal(one, two) for one, two in zip(base, other, strict=True))


def test_the_loss_of_a_shared_critic_counts_by_its_weight():
    plain, same, more = (
        weights_after(Config.model_validate(BASE | {"critic": {"network": "shared", "loss_weight": weight}}))[0]
        for weight in (None, 0.1, 1.0)
    )
    assert torch.equal(plain, same) and not torch.equal(same, more)


def test_the_smoke_settings_are_valid():
    config = Config.model_validate(BASE)
    for path in STAGE.smoke:
        value = config
        for name in path.split("."):
            value = getattr(value, name)
    assert changed("steps", STAGE.smoke["steps"]).steps == 2
