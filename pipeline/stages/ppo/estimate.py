"""What training by PPO takes; imports no torch."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from pipeline.artifacts import RewardModel
from pipeline.core.artifact import Artifact
from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.quantities import format_bytes
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs
from pipeline.data.sizes import size_of
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.costs import KEPT, SAMPLING_ROWS, Company, tokens_per_pass, total_flops
from pipeline.training.estimate import MODEL, ModelFacts, micro_batch_of, model_facts, unknown_after
from pipeline.training.lora import adapter_parameters
from pipeline.training.memory import ModelShape, checkpoint_bytes, foreseen_precision
from pipeline.training.strategy import strategy

_FOLDER = 120_000
"""Bytes of the folder beside the weights: tokenizer, code, metrics, samples."""
MEMORY = "memory of policy, critic, reference and reward model"
MEMORY_OF_ADAPTERS = "memory of one policy, its and the critic's adapter, and the reward model"
RECORDED = {"tokens": "tokens", "steps": "steps", "flops": "flops"}


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Four models: policy and critic are trained, reference and reward read. Answers as long as they may be."""
    steps, answer = Figure(config.steps), config.sampling.max_new_tokens
    tokens = Figure(config.steps * config.global_batch_size * answer, "<=")
    policy = model_facts(inputs.policy, context)
    if policy is None:
        why = unknown_after({"policy": inputs.policy}, context)
        unknown = dict.fromkeys(["parameters", "flops", "memory_bytes", "disk_bytes"], why)
        return Estimate(tokens=tokens, steps=steps, unknown=unknown, pace={"steps": steps}, recorded=RECORDED)
    company = _company(config, policy, inputs.reward, context)
    shape = _shape(config, policy)
    trained = shape.learning + company.critic_parameters
    way, world_size = strategy(), context.machine.world_size
    whose = ", of each process" if way.shards else ""
    held = format_bytes(company.state_bytes(shape, world_size, way.name))
    known = Estimate(
        parameters=policy.parameters,
        tokens=tokens,
        steps=steps,
        disk_bytes=Figure(4 * policy.weights + _FOLDER, "~"),
        scratch_bytes=Figure((KEPT + 1) * checkpoint_bytes(trained), "<="),
        notes=("answers as long as they may be", MEMORY if shape.trained is None else MEMORY_OF_ADAPTERS),
        remarks=(f"weights of its models and optimizer states{whose}: {held}",),
        pace={"steps": steps},
        recorded=RECORDED,
        makes={MODEL: policy},
    )
    size = size_of(inputs.prompts)
    prompt = size.row_tokens(policy.bytes_per_token)
    if prompt is None:
        why = "its prompts are not read for a plan"
        return replace(known, unknown=dict.fromkeys(["flops", "memory_bytes"], why))
    row_length = min(size.longest_tokens(policy.bytes_per_token) + answer, policy.sizes.max_position_embeddings)
    flops = Figure(total_flops(policy.sizes, company, config, prompt, answer), "<=" if policy.sizes.own else "~")
    memory = Figure(_memory(config, replace(shape, row_length=row_length), company, context), "~")
    return replace(known, flops=flops, memory_bytes=memory, pace={"flops": flops, "steps": steps})


def _company(config: Config, policy: ModelFacts, rewards: Any, context: EstimateContext) -> Company:
    """The critic is a copy of the reward model where there is a single one, else the policy's trunk with a score.

    Where it is a head on the policy, its weights are too few to count. With adapters it is one beside either.
    """
    sources = [rewards] if isinstance(rewards, Artifact | Resolved) else [part.reward for part in rewards]
    models = [model_facts(source, context) for source in sources if isinstance(source, RewardModel)]
    known = [model for model in models if model is not None]
    how = config.critic.network
    copied = how == "auto" and len(sources) == 1 and bool(known)
    critic = known[0].sizes if copied else replace(policy.sizes, labels=1)
    adapter = adapter_parameters(config.lora, critic)
    own = 0 if how == "shared" else critic.parameters if adapter is None else adapter
    return Company(critic, own, sum(model.weights for model in known), how == "shared")


def _shape(config: Config, policy: ModelFacts) -> ModelShape:
    """The policy with its adapter, if it has one; the length of its rows is not known yet."""
    adapter = adapter_parameters(config.lora, policy.sizes)
    weights, answer = policy.weights + (adapter or 0), config.sampling.max_new_tokens
    return ModelShape(policy.sizes, weights, row_length=0, logits_per_row=answer, trained=adapter)


def _memory(config: Config, shape: ModelShape, company: Company, context: EstimateContext) -> int:
    """Of an update or of sampling, whichever is more."""
    machine, automatic, way = context.machine, context.runtime.micro_batch == "auto", strategy()
    per_process = max(1, config.global_batch_size // way.share_of_data(0, machine.world_size)[1])
    answer, row_length = config.sampling.max_new_tokens, shape.row_length
    precision = foreseen_precision(context.runtime.precision, machine.device)
    how = {"precision": precision, "world_size": machine.world_size, "strategy": way.name}
    micro_batch = micro_batch_of(context, per_process, partial(company.step_bytes, shape, **how))
    rows = max(1, tokens_per_pass(micro_batch, row_length, machine.device, automatic) // row_length)
    accumulates = rows < per_process // config.update.minibatches
    update = company.step_bytes(shape, rows, accumulates=accumulates, **how)
    sampling = company.sampling_bytes(shape, min(SAMPLING_ROWS, per_process), answer, machine.world_size, way.name)
    return max(update, sampling)
