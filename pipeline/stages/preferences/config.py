"""Settings of the preferences stage; imports no torch."""

from __future__ import annotations

from pydantic import Field

from pipeline.artifacts import DataInput, ModelInput, Preferences, ScorerInput
from pipeline.core.quantities import Count
from pipeline.core.references import DataReference, Reference
from pipeline.core.stage import Stage, StageConfig


class Config(StageConfig):
    """Settings of the preferences stage."""

    policy: ModelInput = Reference(path="instruct")
    """The model whose answers are compared: the one that ppo or dpo is to improve."""
    prompts: DataInput = DataReference(path="builtin:valley-prompts", split="preference")
    """What it answers, each prompt as often as the number of pairs needs."""
    judge: ScorerInput = Reference(path="builtin:valley-judge")
    """What scores the answers: a builtin judge, a reward model, or a Python function `module:function`."""
    pairs: Count = 2400
    """Pairs to train on."""
    held_out: Count = 600
    """Pairs for validation, on prompts that no training pair has."""
    temperature: float = Field(default=1.0, gt=0)
    """What the logits are divided by when the policy answers."""
    max_new_tokens: Count = 48
    """Tokens of an answer at most."""
    sharpness: float | None = Field(default=3.0, gt=0)
    """Labels are drawn: an answer whose score is higher by d is preferred with probability 1 / (1 + exp(-sharpness d)).
    null always prefers the higher score."""


STAGE = Stage(
    kind="preferences",
    config=Config,
    output=Preferences,
    run="pipeline.stages.preferences.stage:run",
    check="pipeline.stages.preferences.checks:check",
    estimate="pipeline.stages.preferences.estimate:estimate",
    processes="all",
    seeded=True,
    smoke={"pairs": 16, "held_out": 8, "max_new_tokens": 16},
)
