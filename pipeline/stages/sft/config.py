"""Settings of the sft stage; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.artifacts import DataInput, Model, ModelInput
from pipeline.core.quantities import Count
from pipeline.core.references import DataReference, Reference
from pipeline.core.stage import Stage, StageConfig
from pipeline.data.adoption import AdoptConfig
from pipeline.training.config import SHORTEST, TrainConfig
from pipeline.training.lora import LoraConfig


class SftTrain(TrainConfig):
    """How long and how to fine-tune."""

    epochs: float | None = Field(default=1.0, gt=0)
    """Length of training in passes over the rows; rounded down to whole steps."""
    learning_rate: float = Field(default=3e-3, gt=0)
    """The highest learning rate; large models want some 1e-5."""
    adam_beta2: float = Field(default=0.95, ge=0, lt=1)
    """Decay of AdamW's mean of the squared gradients."""


class Config(StageConfig):
    """Settings of the sft stage."""

    model: ModelInput = Reference(path="pretrain")
    """The model to start from."""
    adopt: AdoptConfig | None = None
    """What is given to a model that comes without a tokenizer or a chat template; null takes what it brings. Missing
    end and padding tokens are added in any case."""
    data: DataInput = DataReference(path="builtin:valley-requests")
    """Conversations: `messages`, or `prompt` and `completion`."""
    validation: Annotated[float, Field(ge=0, lt=1)] | DataInput | None = None
    """Held-out conversations: a fraction of the data, or other data. Left out: the `test` split of a builtin that has
    one, else 2 %."""
    loss_on: Literal["assistant", "all"] = "assistant"
    """Which tokens bear loss: the assistant's with their end tokens, or all."""
    packing: bool = False
    """Fill rows of the context's length with several conversations, which do not see one another."""
    train: SftTrain = SftTrain()
    """How long and how to train."""
    lora: LoraConfig | None = None
    """Train an adapter beside the frozen weights; null trains the weights."""
    sampled_answers: Count = 100
    """Answers to held-out prompts that are sampled afterwards and looked at, at most."""
    max_new_tokens: Count = 48
    """Tokens of a sampled answer at most."""


STAGE = Stage(
    kind="sft",
    version=2,
    config=Config,
    output=Model,
    run="pipeline.stages.sft.stage:run",
    check="pipeline.stages.sft.checks:check",
    estimate="pipeline.stages.sft.estimate:estimate",
    processes="all",
    seeded=True,
    smoke={**SHORTEST, "sampled_answers": 4, "max_new_tokens": 8},
)
