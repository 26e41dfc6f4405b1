"""Settings of the publish stage; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipeline.artifacts import CorpusInput, EvaluationInput, ModelInput, Release
from pipeline.core.errors import SettingError
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
    corpus: CorpusInput | None = None
    """A corpus to publish with the model: laid out in `corpus/` as the repository of a data set, with its card."""
    corpus_hub: HubInput | None = None
    """The repository to push the corpus to, as for `hub`; null: it is laid out alone."""
    name: str | None = Field(default=None, min_length=1)
    """The model's name in its card; null takes the recipe's name and the model's id."""
    license: str | None = Field(default=None, min_length=1)
    """The licence's identifier on the Hub (apache-2.0, mit, cc-by-4.0, other); null states none."""
    language: tuple[str, ...] = ()
    """Codes of the text's languages (en, de); none for text that is in no human language."""

    @model_validator(mode="after")
    def _has_a_corpus(self) -> Config:
        if self.corpus_hub is not None and self.corpus is None:
            raise SettingError("names a repository, but no `corpus` to push there; name one", "corpus_hub", "corpus")
        return self


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
    smoke={"hub": None, "corpus_hub": None},  # what learned nothing is not for the world
)
