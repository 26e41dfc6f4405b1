"""Settings of the dpo stage; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.artifacts import Model, ModelInput, PreferencesInput
from pipeline.core.errors import SettingError
from pipeline.core.references import DataReference, Reference
from pipeline.core.stage import Stage, StageConfig
from pipeline.data.course_config import SHORTEST_COURSE, CourseConfig
from pipeline.training.config import SHORTEST, PairTrainConfig
from pipeline.training.lora import LoraConfig

LossType = Literal[
    "sigmoid", "sigmoid_norm", "hinge", "ipo", "robust", "exo_pair", "nca_pair", "bco_pair", "sppo_hard", "apo_zero",
    "apo_down", "discopop",
]  # fmt: skip
SMOOTHED = ("robust", "exo_pair")
"""The losses that allow for wrong labels."""


class DpoTrain(PairTrainConfig):
    """How long and how to train."""

    learning_rate: float = Field(default=1e-6, gt=0)
    """The highest learning rate; small models want some 1e-4."""


class Config(StageConfig):
    """Settings of the dpo stage."""

    model: ModelInput = Reference(path="instruct")
    """The policy to train; as it comes in, it is also the reference that `beta` holds it to."""
    preferences: PreferencesInput = DataReference(path="preferences")
    """Pairs: `prompt`, `chosen` and `rejected`."""
    validation: Annotated[float, Field(ge=0, lt=1)] | PreferencesInput | None = None
    """Held-out pairs: a fraction of the pairs, or other data. Left out: the `validation` split where there is one,
    else 10 %."""
    beta: float = Field(default=0.1, gt=0)
    """What a nat of log-ratio to the reference is worth as reward: higher keeps the policy nearer. With `ipo` it is
    that paper's tau."""
    loss_type: LossType = "sigmoid"
    """Loss of a pair, by trl's names. `sigmoid` is DPO's own (https://arxiv.org/abs/2305.18290), `sigmoid_norm` the
    same per token; `hinge` (https://arxiv.org/abs/2305.10425); `ipo` (https://arxiv.org/abs/2310.12036); `robust`
    (https://arxiv.org/abs/2403.00409) and `exo_pair` (https://arxiv.org/abs/2402.00856) allow for wrong labels;
    `nca_pair` (https://arxiv.org/abs/2402.05369), `bco_pair` (https://arxiv.org/abs/2404.04656), `sppo_hard`
    (https://arxiv.org/abs/2405.00675), `apo_zero` and `apo_down` (https://arxiv.org/abs/2408.06266) push each answer by
    itself; `discopop` (https://arxiv.org/abs/2406.08414) was found by search."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Only for `robust` and `exo_pair`, which need it: the share of labels that are taken to be wrong."""
    train: DpoTrain = DpoTrain()
    """How long and how to train."""
    lora: LoraConfig | None = None
    """Train an adapter beside the frozen weights; null trains the weights. The reference is the model without it."""
    course: CourseConfig = CourseConfig()
    """What is measured of the policy on the way."""

    @model_validator(mode="after")
    def _smoothing_has_its_loss(self) -> Config:
        smooths = self.loss_type in SMOOTHED
        if smooths and not self.label_smoothing:
            said = f"{self.loss_type} needs the share of wrong labels, above 0; its paper takes "
            said += "0.1" if self.loss_type == "robust" else "0.001"
            raise SettingError(said, "label_smoothing", "loss_type")
        if not smooths and self.label_smoothing:
            said = f"acts only with loss_type {' and '.join(SMOOTHED)}, not {self.loss_type}; leave it out"
            raise SettingError(said, "label_smoothing", "loss_type")
        return self


STAGE = Stage(
    kind="dpo",
    config=Config,
    output=Model,
    run="pipeline.stages.dpo.stage:run",
    check="pipeline.stages.dpo.checks:check",
    estimate="pipeline.stages.dpo.estimate:estimate",
    processes="all",
    seeded=True,
    smoke={**SHORTEST, **SHORTEST_COURSE},
)
