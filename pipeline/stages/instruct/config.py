"""Settings of the instruct stage; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.artifacts import DataInput, Model, ModelInput
from pipeline.core.quantities import Count
from pipeline.core.references import DataReference, Reference
from pipeline.core.stage import Settings, Stage, StageConfig
from pipeline.data.adoption import AdoptConfig
from pipeline.training.config import SHORTEST, TrainConfig
from pipeline.training.lora import LoraConfig


class MixtureEntry(Settings):
    """One source of conversations."""

    data: DataInput
    """Conversations: `messages`, or `prompt` and `completion`."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the rows drawn from this source, relative to the other weights; a small source repeats."""


class InstructTrain(TrainConfig):
    """How long and how to tune."""

    epochs: float | None = Field(default=1.0, gt=0)
    """Length of training in passes over as many rows as all sources have; rounded down to whole steps."""
    global_batch_size: Count = 48
    """Conversations per optimizer step, over all processes."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """The highest learning rate; large models want some 1e-5."""


class Config(StageConfig):
    """Settings of the instruct stage."""

    model: ModelInput = Reference(path="sft")
    """The model to start from."""
    adopt: AdoptConfig | None = None
    """What is given to a model that comes without a tokenizer or a chat template; null takes what it brings. Missing
    end and padding tokens are added in any case."""
    mixture: tuple[MixtureEntry, ...] = Field(
        (
            MixtureEntry(data=DataReference(path="builtin:valley-tasks"), weight=0.8),
            MixtureEntry(data=DataReference(path="builtin:valley-chat"), weight=0.2),
        ),
        min_length=1,
    )
    """The sources, and how much of each."""
    validation: Annotated[float, Field(ge=0, lt=1)] | DataInput | None = None
    """Held-out conversations: a fraction of each source, or other data. Left out: the `test` split of a builtin that
    has one, else 2 %."""
    loss_on: Literal["assistant", "all"] = "assistant"
    """Which tokens bear loss: the assistant's with their end tokens, or all."""
    group_by_length: bool = True
    """Make each global batch of rows of about one length, which saves padding."""
    train: InstructTrain = InstructTrain()
    """How long and how to train."""
    lora: LoraConfig | None = None
    """Train an adapter beside the frozen weights; null trains the weights."""
    sampled_answers: Count = 100
    """Answers to held-out prompts of each source that are sampled afterwards and looked at, at most."""
    max_new_tokens: Count = 48
    """Tokens of a sampled answer at most."""


STAGE = Stage(
    kind="instruct",
    config=Config,
    output=Model,
    run="pipeline.stages.instruct.stage:run",
    check="pipeline.stages.instruct.checks:check",
    estimate="pipeline.stages.instruct.estimate:estimate",
    processes="all",
    seeded=True,
    smoke={**SHORTEST, "sampled_answers": 4, "max_new_tokens": 8},
)
