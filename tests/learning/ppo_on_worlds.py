"""Train a small Llama by the real PPO trainer on a world of strings, and say how far from the optimum it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline.core.references import Reference
from pipeline.models.scoring import RewardScorer
from pipeline.stages.ppo.config import Config, OptimizerConfig, SamplingConfig, ScoreConfig, UpdateConfig
from pipeline.stages.ppo.layout import Packer
from pipeline.stages.ppo.networks import Policy, make_networks
from pipeline.stages.ppo.prompts import Prompt
from pipeline.stages.ppo.rollout import Sampler, evaluate
from pipeline.stages.ppo.scoring import Score
from pipeline.stages.ppo.trainer import Environment, Trainer
from tests.learning.worlds import World, relative_gap

BEGIN = 0
"""The prompt: any token will do, since every string follows the same one."""


def small_llama(vocab_size: int, seed: int, hidden_size: int = 32, layers: int = 2) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab_size, hidden_size=hidden_size, intermediate_size=2 * hidden_size, num_hidden_layers=layers,
        num_attention_heads=2, max_position_embeddings=64, tie_word_embeddings=False,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def make_trainer(
    model: LlamaForCausalLM, config: Config, score: Score, prompts: Sequence[Prompt], *, end_ids: Sequence[int] = (),
    seed: int = 0, micro_batch_tokens: int = 2048, documents: Sequence[Sequence[int]] = (),
    scorer: RewardScorer | None = None,
) -> Trainer:  # fmt: skip
    sampler = Sampler(seed, end_ids, 0, config.sampling.max_new_tokens, config.sampling.temperature)
    policy, critic = make_networks(config, model, scorer, 0, seed)
    return Trainer(
        config, policy, critic, Environment(prompts, score, sampler, None, documents), seed, Accelerator(cpu=True), micro_batch_tokens,
    )  # fmt: skip


def config_for(world: World, *, updates: int, learning_rate: float = 3e-3, minibatches: int = 1) -> Config:
    """The settings with which the prototype's thresholds were measured."""
    return Config(
        policy=Reference(path="policy"), steps=updates, global_batch_size=256, kl_coefficient=world.beta,
        learning_rate=learning_rate, critic_learning_rate=learning_rate,
        sampling=SamplingConfig(max_new_tokens=world.length), scores=ScoreConfig(missing_end_penalty=0.0),
        update=UpdateConfig(epochs=4, minibatches=minibatches, gae_lambda=0.95), optimizer=OptimizerConfig(),
    )  # fmt: skip


def score_of(world: World) -> Score:
    def score(prompts: Sequence[Prompt], responses: Sequence[Sequence[int]]) -> list[float]:
        return [world.reward(tuple(response)) for response in responses]

    return score


def string_log_probs(world: World, policy: Policy) -> np.ndarray:
    """The log-probability of every string, in the world's order."""
    strings = world.strings()
    lengths = torch.tensor([len(string) for string in strings])
    mask = (torch.arange(world.length) < lengths[:, None]).float()
    tokens = torch.tensor([string + (0,) * (world.length - len(string)) for string in strings])
    layouts = Packer(32768, 0).lay_out([(BEGIN,)] * len(strings), tokens, mask)
    return evaluate(policy, layouts, tokens.shape).double().sum(dim=1).numpy()


def trained_gap(
    world: World, *, updates: int, seed: int, learning_rate: float = 3e-3, minibatches: int = 1,
    watch: Callable[[dict[str, Any]], None] = lambda figures: None, **changes: Any,
) -> float:  # fmt: skip
    """The relative gap to the optimum after training: 1 untrained, 0 optimal. `changes` are other settings of ppo."""
    config = config_for(world, updates=updates, learning_rate=learning_rate, minibatches=minibatches)
    config = Config.model_validate(config.model_dump() | changes)
    end_ids = () if world.end is None else (world.end,)
    trainer = make_trainer(
        small_llama(world.size, seed), config, score_of(world), [Prompt((BEGIN,))], end_ids=end_ids, seed=seed
    )
    for _ in range(updates):
        watch(trainer.step())
    log_probs, ref_log_probs = (string_log_probs(world, policy) for policy in (trainer.policy, trainer.reference))
    assert abs(np.exp(log_probs).sum() - 1) < 1e-3
    return relative_gap(log_probs, ref_log_probs, world.rewards(), world.beta)
