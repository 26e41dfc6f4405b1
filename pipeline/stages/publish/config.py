"""Settings of the publish stage; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.artifacts import EvaluationInput, ModelInput, Release
from pipeline.core.references import Reference
from pipeline.core.stage import Stage, StageConfig
from pipeline.hub.target import HubInput


class Config(StageConfig):
    """Settings of the publish stage."""

    model: ModelInput = Reference(path="ppo")
    """The model to publish."""
    evaluation: EvaluationInput | None = None
    """Whose figures and samples stand in the model card."""
    weights: Literal["merged", "adapter"] = "merged"
    """What is laid out of a model that was trained with `lora`: the whole model, or the adapter alone, which peft's
    `AutoPeftModelForCausalLM` opens beside its base. That must be on the Hub."""
    hub: HubInput | None = None
    """The repository to push to, `org/name` or `{repo, private, tag}`; null: a local folder laid out as it would be."""
    name: str | None = Field(default=None, min_length=1)
    """The model's name in its card; null takes the recipe's name and the model's id."""
    license: str | None = Field(default=None, min_length=1)
    """The licence's identifier on the Hub (apache-2.0, mit, cc-by-4.0, other); null states none."""
    language: tuple[str, ...] = ()
    """Codes of the text's languages (en, de); none for text that is in no human language."""


STAGE = Stage(
    kind="publish",
    config=Config,
    output=Release,
    run="pipeline.stages.publish.stage:run",
    check="pipeline.stages.publish.checks:check",
    estimate="pipeline.stages.publish.estimate:estimate",
    ready="pipeline.stages.publish.ready:ready",
    version=2,
    processes="main",
    seeded=False,
    smoke={"hub": None},  # what learned nothing is not for the world
)
