"""What is measured of a policy while it trains; the same settings in every stage that trains one. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from pipeline.artifacts import DataInput
from pipeline.core.quantities import Count
from pipeline.core.stage import Settings, not_identity

COURSE = "course.jsonl"
"""Beside the policy: one line for each point, its step and figures."""
SHORTEST_COURSE = {"course.num_prompts": 4, "course.max_new_tokens": 8, "course.points": 1}
"""For a stage's `smoke`."""


class CourseConfig(Settings):
    """What the policy answers before, during and after training, so that courses of two policies can be compared."""

    prompts: DataInput | None = None
    """Prompts that no training uses; null takes those of the stage's own data, held-out ones where there are any. Where
    a builtin judge knows the truth about them, the true score is measured too."""
    num_prompts: Count = 128
    """Prompts at most, evenly spread over them."""
    max_new_tokens: Count = 48
    """Tokens of an answer at most; sampled at temperature 1."""
    points: Count = Field(default=8, json_schema_extra=not_identity())
    """How often it answers them in the course of training, evenly spread; the last time is at the end."""
