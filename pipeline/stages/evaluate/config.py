"""Settings of the evaluate stage; imports no torch."""

from __future__ import annotations

from pydantic import Field, model_validator

from pipeline.artifacts import CorpusInput, DataInput, Evaluation, ModelInput, ScorerInput, TaskInput
from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.references import Reference
from pipeline.core.stage import Settings, Stage, StageConfig


class WinRate(Settings):
    """Whose answers are compared with whose, and who judges."""

    against: ModelInput = Reference(path="instruct")
    """The model that every other is compared with, prompt by prompt."""
    judges: tuple[ScorerInput, ...] = Field(min_length=1)
    """Who says which answer is better: builtin judges, reward models, Python functions."""


class Config(StageConfig):
    """Settings of the evaluate stage."""

    models: tuple[ModelInput, ...] = Field(default=(Reference(path="instruct"),), min_length=1)
    """The models, in the order in which they were made; the last is the one that the checks look at."""
    corpus: CorpusInput | None = None
    """Whose validation documents `builtin:perplexity` measures."""
    prompts: DataInput | None = None
    """What every model answers freely, for win rates and samples."""
    tasks: tuple[TaskInput, ...] = ()
    """`builtin:perplexity`, and tasks whose answers are known."""
    win_rate: WinRate | None = None
    """How the free answers are judged; null only samples them."""
    num_documents: Count = 200
    """Validation documents at most."""
    rows_per_group: Count = 100
    """Questions of each group of a task at most."""
    num_prompts: Count = 250
    """Prompts at most, drawn by the seed."""
    samples: Count = 8
    """Prompts whose answers are written to `samples.jsonl`, one row for each model."""
    temperature: float = Field(default=1.0, ge=0)
    """What the logits are divided by when prompts are answered; 0 takes the likeliest token, as tasks always do."""
    max_new_tokens: Count = 48
    """Tokens of a free answer at most."""

    @model_validator(mode="after")
    def _has_what_is_measured(self) -> Config:
        addresses = [model.path for model in self.models]
        if len(set(addresses)) < len(addresses):
            raise SettingError("names one model twice", "models")
        if self.corpus is None and any(task.path == "builtin:perplexity" for task in self.tasks):
            raise SettingError("builtin:perplexity is measured on a corpus; name one with `corpus:`", "tasks", "corpus")
        if self.prompts is None and self.win_rate is not None:
            raise SettingError("win_rate compares answers to prompts; name some with `prompts:`", "win_rate", "prompts")
        return self


STAGE = Stage(
    kind="evaluate",
    config=Config,
    output=Evaluation,
    run="pipeline.stages.evaluate.stage:run",
    check="pipeline.stages.evaluate.checks:check",
    estimate="pipeline.stages.evaluate.estimate:estimate",
    processes="all",
    seeded=True,
    smoke={"num_documents": 8, "rows_per_group": 2, "num_prompts": 4, "samples": 2, "max_new_tokens": 8},
)
