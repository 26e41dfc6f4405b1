"""Settings of the reward stage; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.artifacts import ModelInput, PreferencesInput, RewardModel
from pipeline.core.quantities import Count
from pipeline.core.references import DataReference, Reference
from pipeline.core.stage import Stage, StageConfig
from pipeline.data.adoption import AdoptConfig
from pipeline.training.config import SHORTEST, PairTrainConfig
from pipeline.training.lora import LoraConfig


class RewardTrain(PairTrainConfig):
    """How long and how to train."""

    learning_rate: float = Field(default=2e-3, gt=0)
    """The highest learning rate; large models want some 1e-5."""


class Config(StageConfig):
    """Settings of the reward stage."""

    model: ModelInput = Reference(path="instruct")
    """The model whose tokenizer and shape, and with `start: model` whose weights, the reward model takes."""
    adopt: AdoptConfig | None = None
    """What is given to a model that comes without a tokenizer or a chat template; null takes what it brings. Missing
    end and padding tokens are added in any case."""
    start: Literal["fresh", "model"] = "model"
    """`model` keeps the trunk's weights under a new head, which large pretrained models want and the tiny recipe, too:
    from its instruct model .006 to .028 short of the best possible accuracy, from `fresh` weights .02 to .08."""
    preferences: PreferencesInput = DataReference(path="preferences")
    """Pairs: `prompt`, `chosen` and `rejected`."""
    validation: Annotated[float, Field(ge=0, lt=1)] | PreferencesInput | None = None
    """Held-out pairs: a fraction of the pairs, or other data. Left out: the `validation` split where there is one,
    else 10 %."""
    center_scores: float | None = Field(default=None, gt=0)
    """Weight of a penalty on the squared sum of a pair's scores, which keeps them near zero
    (https://arxiv.org/abs/2312.09244)."""
    train: RewardTrain = RewardTrain()
    """How long and how to train."""
    lora: LoraConfig | None = None
    """Train an adapter beside the frozen weights and the new head; null trains the weights."""
    standardisation_pairs: Count = 512
    """Training pairs whose scores' mean and standard deviation are kept with the model, at most."""


STAGE = Stage(
    kind="reward",
    config=Config,
    output=RewardModel,
    run="pipeline.stages.reward.stage:run",
    check="pipeline.stages.reward.checks:check",
    estimate="pipeline.stages.reward.estimate:estimate",
    processes="all",
    seeded=True,
    version=2,
    smoke={**SHORTEST, "standardisation_pairs": 8},
)
