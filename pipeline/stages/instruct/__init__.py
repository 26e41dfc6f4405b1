"""Tune a model on a mixture of conversations, so that it follows instructions of many kinds."""

from pipeline.stages.alone import alone
from pipeline.stages.instruct.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
