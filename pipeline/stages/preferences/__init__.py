"""Preferences: two answers of a policy to each prompt, and which of the two a judge prefers."""

from pipeline.stages.alone import alone
from pipeline.stages.preferences.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
