"""Settings of the publish stage; imports no torch."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.artifacts import EvaluationInput, ModelInput, Release
from pipeline.core.references import Reference
from pipeline.core.stage import Stage, StageConfig


def _local_only(value: Any) -> Any:
    if value is not None:
        raise ValueError(
            f"{value!r}: this version does not push; write `hub: null` and upload the folder (`hf upload NAME FOLDER`)"
        )
    return value


class Config(StageConfig):
    """Settings of the publish stage."""

    model: ModelInput = Reference(path="ppo")
    """The model to publish."""
    evaluation: EvaluationInput | None = None
    """Whose figures and samples stand in the model card."""
    hub: Annotated[None, BeforeValidator(_local_only)] = None
    """null: a local folder laid out as the repository would be."""
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
    processes="main",
    seeded=False,
)
