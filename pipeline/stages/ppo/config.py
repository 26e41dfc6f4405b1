"""Settings of the ppo stage; imports no torch."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.artifacts import DataInput, Model, ModelInput, ScorerInput, TextInput
from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.references import DataReference, Reference
from pipeline.core.stage import Settings, Stage, StageConfig, not_identity
from pipeline.data.course_config import CourseConfig
from pipeline.training.lora import LoraConfig


class WeightedReward(Settings):
    """One of several rewards."""

    reward: ScorerInput
    """A reward model, a judge, or a Python function `module:function` over prompts and completions."""
    weight: float = 1.0
    """What its score is multiplied by before the rewards are added."""
    pattern: str | None = None
    """Only for `builtin:pattern`: one regular expression for all answers; null takes each prompt's column `pattern`."""

    @model_validator(mode="after")
    def _the_pattern_has_a_use(self) -> WeightedReward:
        if self.pattern is None:
            return self
        if self.reward.path != "builtin:pattern":
            raise SettingError(f"only builtin:pattern looks for one, not {self.reward.path}", "pattern", "reward")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SettingError(f"{self.pattern!r} is no regular expression: {error}", "pattern") from error
        return self


class SamplingConfig(Settings):
    """How the policy answers while it trains. The same temperature is in every log-probability."""

    max_new_tokens: Count = 48
    """Tokens of an answer at most; one that has not ended by then is cut there."""
    temperature: float = Field(default=1.0, gt=0)
    """What the logits are divided by, in sampling and in every log-probability."""


class ScoreConfig(Settings):
    """What is done to an answer's score before it becomes its reward.

    Token rewards are not scaled on their own, as some trainers do: whitened advantages would take the scale out again.
    """

    normalize: bool = False
    """Whether scores are first brought to mean 0 and deviation 1, by those of all answers so far."""
    clip: float | None = Field(default=10.0, gt=0)
    """Scores are held within plus or minus this; null leaves them."""
    missing_end_penalty: float = Field(default=1.0, ge=0)
    """Subtracted from the score of an answer that was cut before its end token."""


class AdaptiveKlConfig(Settings):
    """A coefficient that is moved after every update so that the KL divergence comes to a target."""

    target: float = Field(default=6.0, gt=0)
    """The KL divergence from the reference that is wanted, in nats per answer."""
    horizon: Count = 10_000
    """Answers over which an error of 1 (20 % is counted at most) changes the coefficient by its own size."""


class KlConfig(Settings):
    """Where the KL divergence from the reference is charged, and whether its coefficient moves."""

    estimator: Literal["k1", "k2"] = "k1"
    """`k1`: each token's log-ratio, in the reward. `k2`: half the square of the answer's, in the loss."""
    adaptive: AdaptiveKlConfig | None = None
    """Moves `kl_coefficient`, which is then the first one; null keeps it."""

    @field_validator("estimator", mode="before")
    @classmethod
    def _has_the_right_gradient(cls, estimator: Any) -> Any:
        if estimator == "k3":
            raise ValueError(
                "k3 estimates the KL divergence but not its slope: in the reward it drives rare tokens to 0; write k1 "
                "(in the reward) or k2 (in the loss)"
            )
        return estimator


class PretrainingTextConfig(Settings):
    """Running text that the policy is also trained on, so that it keeps what it knew."""

    text: TextInput
    """A corpus, or documents; as many of the first as training reads."""
    coefficient: float = Field(default=1.0, gt=0)
    """Weight of its mean loss per token beside the policy's (whose advantages, whitened, have deviation 1)."""
    documents: Count = 16
    """Documents of an optimizer step, over all processes, each cut to the room of a prompt with its answer."""


class UpdateConfig(Settings):
    """How one batch of answers changes policy and critic."""

    epochs: Count = 1
    """Passes over each batch of answers. A pass costs more than sampling does: smaller parts of fresh answers learn
    more for the same time than further passes."""
    minibatches: Count = 4
    """Parts of the batch in each pass, each with its own optimizer step."""
    clip_range: float = Field(default=0.2, gt=0)
    """How far the probability ratio may move from 1 before the gradient stops."""
    value_clip_range: float | None = Field(default=0.2, gt=0)
    """How far a value may move from the one at sampling before its gradient stops; null does not clip."""
    discount: float = Field(default=1.0, gt=0, le=1)
    """What a reward one token later is worth."""
    gae_lambda: float = Field(default=1.0, ge=0, le=1)
    """Weight of longer estimates of the advantage: 0 trusts the critic alone, 1 the returns alone. The score comes with
    the last token: below 1 little of it reaches the first tokens while the critic is still learning."""
    whiten_advantages: bool = True
    """Whether the advantages of a batch, over all processes, are brought to mean 0 and variance 1."""
    entropy_coefficient: float = Field(default=0.0, ge=0)
    """Reward per nat of the entropy of each token's distribution: keeps the policy from settling early."""
    pretraining: PretrainingTextConfig | None = None
    """Text beside the answers (ptx); null trains on answers alone."""
    max_approx_kl: float | None = Field(default=None, gt=0)
    """Nats per token from the policy that sampled beyond which an update takes no more steps; null takes them all."""
    max_grad_norm: float | None = Field(default=1.0, gt=0)
    """Gradients of the policy and of the critic are each scaled down to this norm; null leaves them."""


class CriticConfig(Settings):
    """What tells how much reward is still to come."""

    network: Literal["auto", "policy", "shared"] = "auto"
    """`auto`: a copy of the reward model where `reward` is one with the policy's tokenizer, else of the policy.
    `policy`: a copy of the policy. `shared`: a head on the policy itself; cheaper, and may learn less. With `lora`, an
    adapter stands in place of each copy."""
    loss_weight: float | None = Field(default=None, gt=0)
    """Only for `shared`: weight of the values' loss beside the policy's; null is 0.1."""
    warmup_steps: int = Field(default=0, ge=0)
    """Updates at the start in which the critic alone learns."""


class OptimizerConfig(Settings):
    """AdamW without weight decay, one for the policy and one for the critic."""

    schedule: Literal["linear", "constant"] = "linear"
    """`linear` brings both learning rates to 0 over the updates, `constant` keeps them."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the gradient's running mean."""
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of the squared gradient's running mean."""
    adam_epsilon: float = Field(default=1e-5, gt=0)
    """Added to the denominator; larger than Adam's usual value, because advantages are noisy where gradients vanish."""


class Config(StageConfig):
    """Settings of the ppo stage."""

    policy: ModelInput = Reference(path="instruct")
    """The model to train; as it comes, it is the reference that the KL penalty is taken to."""
    reward: ScorerInput | Annotated[tuple[WeightedReward, ...], Field(min_length=1)] = Reference(path="reward")
    """What is raised: a reward model, a judge, a verifier, a Python function, or a weighted list of these."""
    prompts: DataInput = DataReference(path="builtin:valley-prompts", split="ppo")
    """What the policy answers; each prompt is used once per pass over the set."""
    steps: Count = 500
    """Updates, each on `global_batch_size` fresh answers."""
    global_batch_size: Count = 64
    """Answers (episodes) per update, over all processes."""
    kl_coefficient: float = Field(default=0.05, ge=0)
    """Reward lost per nat by which a token's log-probability exceeds the reference's."""
    kl: KlConfig = KlConfig()
    """How that is charged."""
    learning_rate: float = Field(default=3e-6, gt=0)
    """The policy's learning rate at the first update."""
    critic_learning_rate: float | None = Field(default=None, gt=0)
    """The critic's learning rate at the first update; null is three times the policy's."""
    sampling: SamplingConfig = SamplingConfig()
    """How the policy answers."""
    scores: ScoreConfig = ScoreConfig()
    """From an answer's score to its reward."""
    update: UpdateConfig = UpdateConfig()
    """How a batch of answers changes policy and critic."""
    critic: CriticConfig = CriticConfig()
    """What is expected of an answer that is being written."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """The two optimizers."""
    lora: LoraConfig | None = None
    """Train an adapter beside the frozen weights, and another as the critic, so that policy, reference and critic are
    one copy of the weights; null trains the weights. There is no dropout in ppo."""
    course: CourseConfig | None = None
    """What is measured of the policy on the way, on prompts that it is not trained on; null measures nothing."""
    checkpoint_every: Count | Literal["auto"] = Field(default="auto", json_schema_extra=not_identity())
    """Updates between checkpoints; `auto` is about half a minute, more for models that take long to write."""

    @model_validator(mode="after")
    def _the_policy_that_samples_is_the_one_that_learns(self) -> Config:
        if self.lora is not None:
            self.lora.require_no_dropout("with dropout, the policy that learns would not be the one that sampled")
        return self

    @model_validator(mode="after")
    def _minibatches_are_even(self) -> Config:
        size, parts = self.global_batch_size, self.update.minibatches
        if size % parts:
            said = f"{size} answers cannot be shared among {parts} minibatches; write a multiple of {parts}"
            raise SettingError(said, "global_batch_size", "update.minibatches")
        return self

    @model_validator(mode="after")
    def _the_coefficient_can_move(self) -> Config:
        adaptive = self.kl.adaptive
        if adaptive is not None and self.kl_coefficient == 0:
            raise SettingError("a coefficient of 0 stays 0 whatever the target", "kl_coefficient", "kl.adaptive")
        if adaptive is not None and adaptive.horizon < self.global_batch_size:
            said = f"{adaptive.horizon} answers are fewer than those of one update, {self.global_batch_size}"
            raise SettingError(said, "kl.adaptive.horizon", "global_batch_size")
        return self

    @model_validator(mode="after")
    def _the_critic_has_what_it_is_told(self) -> Config:
        shared, warmup = self.critic.network == "shared", self.critic.warmup_steps
        if shared and self.critic_learning_rate is not None:
            said = "a critic that shares the policy's network learns at its rate; leave it out"
            raise SettingError(said, "critic_learning_rate", "critic.network")
        if shared and warmup:
            said = "a critic that shares the policy's network cannot learn alone; leave it out"
            raise SettingError(said, "critic.warmup_steps", "critic.network")
        if not shared and self.critic.loss_weight is not None:
            said = "acts only where critic.network is shared; a critic of its own has critic_learning_rate"
            raise SettingError(said, "critic.loss_weight", "critic.network")
        if warmup >= self.steps:
            said = f"{warmup} updates of warm-up leave none of the {self.steps} to the policy"
            raise SettingError(said, "critic.warmup_steps", "steps")
        return self


STAGE = Stage(
    kind="ppo",
    config=Config,
    output=Model,
    version=2,
    run="pipeline.stages.ppo.stage:run",
    check="pipeline.stages.ppo.checks:check",
    estimate="pipeline.stages.ppo.estimate:estimate",
    processes="all",
    seeded=True,
    smoke={
        "steps": 2,
        "global_batch_size": 8,
        "sampling.max_new_tokens": 8,
        "critic.warmup_steps": 0,
        "course": None,
        "checkpoint_every": 1,
    },
)
