"""What training by PPO costs: the memory of its four models at their highest, and FLOPs. Imports no torch.

Policy and critic are trained; the reference is a frozen copy of the policy, the reward model scores. All four lie on
the device from beginning to end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.models.sizes import DecoderSizes, forward_flops, sampling_bytes, training_flops
from pipeline.stages.ppo.config import Config
from pipeline.training.memory import ModelShape, step_bytes
from pipeline.training.strategy import Name, Strategy

MICRO_BATCH_TOKENS = {"cpu": 768, "gpu": 16384}
"""Tokens of a forward pass at most: on a CPU as many as its cache holds, on a GPU enough to fill it."""
KEPT = 2
"""Complete checkpoints that stay."""
SAMPLING_ROWS = 256
"""Answers sampled side by side: enough to fill the processor, few enough for the cache of keys and values."""


def tokens_per_pass(micro_batch: int, row_length: int, device: str, automatic: bool) -> int:
    """Tokens of a forward pass, padding included: so many of the longest rows, or fewer where fewer are quicker."""
    tokens = micro_batch * row_length
    return min(tokens, MICRO_BATCH_TOKENS["cpu" if device == "cpu" else "gpu"]) if automatic else tokens


@dataclass(frozen=True)
class Company:
    """The models beside the policy."""

    critic: DecoderSizes
    critic_parameters: int
    """Those of its own: of all its weights, or of an adapter beside another's."""
    reward_parameters: int = 0
    """Of all reward models; 0 where a judge or a function scores."""
    shared: bool = False
    """Whether the critic is a head on the policy, read and trained with it."""

    def step_bytes(
        self, policy: ModelShape, micro_batch: int, *, precision: str = "fp32", accumulates: bool = False,
        world_size: int = 1, strategy: Name = "ddp",
    ) -> int:  # fmt: skip
        """Memory of an update at its highest, all four models counted: in the policy's pass or in the critic's.

        The critic's pass comes second, when the policy's gradients are there. Arguments as those of
        `training.memory.step_bytes`.
        """
        how = {"precision": precision, "accumulates": accumulates, "world_size": world_size,
               "strategy": strategy}  # fmt: skip
        frozen = self._frozen_bytes(policy)
        policy_state = held_bytes(policy.parameters, policy.learning, 12, world_size, strategy)
        critic_bytes = 12 if accumulates else 8
        critic_state = held_bytes(self.critic_parameters, self.critic_parameters, critic_bytes, world_size, strategy)
        critic = ModelShape(self.critic, self.critic_parameters, policy.row_length, attention=policy.attention)
        return max(
            step_bytes(replace(policy, beside=frozen + critic_state), micro_batch, **how),
            step_bytes(replace(critic, beside=frozen + policy_state), micro_batch, **how),
        )

    def _frozen_bytes(self, policy: ModelShape) -> int:
        """Of reward models and the reference; where an adapter is trained, that is the policy without it."""
        return 4 * (policy.parameters * (policy.trained is None) + self.reward_parameters)

    def state_bytes(self, policy: ModelShape, world_size: int = 1, strategy: Name = "ddp") -> int:
        """Weights of all models and AdamW's two moments, as one process holds them from the first update to the last.

        Arguments as those of `sampling_bytes`.
        """
        parameters, learning = policy.parameters + self.critic_parameters, policy.learning + self.critic_parameters
        return self._frozen_bytes(policy) + held_bytes(parameters, learning, 8, world_size, strategy)

    def sampling_bytes(
        self, policy: ModelShape, rows: int, max_new_tokens: int, world_size: int = 1, strategy: Name = "ddp"
    ) -> int:
        """Memory while answers are sampled: the state of all four models, the cache of keys and values, logits.

        Where weights are sharded answers are sampled and read by whole copies.
        """
        copies = 4 * (policy.parameters + self.critic_parameters) * Strategy(strategy).shards_weights
        state = self.state_bytes(policy, world_size, strategy) + copies
        prompt_length = policy.row_length - max_new_tokens
        return state + sampling_bytes(policy.sizes, rows, prompt_length, max_new_tokens)


def held_bytes(parameters: int, learning: int, per_weight: int, world_size: int, strategy: Name) -> int:
    """What a process holds of weights in fp32, and of `per_weight` bytes for each that learns: moments, gradients."""
    way = Strategy(strategy)
    weights = 4 * parameters // (world_size if way.shards_weights else 1)
    return weights + per_weight * learning // (world_size if way.shards else 1)


def total_flops(
    policy: DecoderSizes, company: Company, config: Config, prompt_length: float, response_length: float
) -> float:
    """FLOPs of all updates: sampling, three models reading the answers, and passes of training over both networks.

    With an adapter the policy reads them too.

    Running text is counted in documents as long as a prompt with its answer.
    """
    length = prompt_length + response_length
    # Sampling, the reference, the critic; the reward model; with an adapter the policy once more.
    read = [policy, policy, company.critic]
    read += [company.critic] if company.reward_parameters else []
    read += [policy] if config.lora else []
    reading = sum(forward_flops(sizes, length, length) for sizes in read)
    trained = [policy] if company.shared else [policy, company.critic]
    frozen = config.lora is not None
    update = config.update.epochs * sum(training_flops(sizes, length, length, frozen=frozen) for sizes in trained)
    answers = config.steps * config.global_batch_size * (reading + update)
    text = config.update.pretraining
    if text is None:
        return answers
    documents = config.steps * config.update.epochs * config.update.minibatches * text.documents
    return answers + documents * training_flops(policy, length, length, frozen=frozen)
