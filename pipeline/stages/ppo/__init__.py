"""Raise a reward on the model's own answers while staying near where it started: proximal policy optimization."""

from pipeline.stages.alone import alone
from pipeline.stages.ppo.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
