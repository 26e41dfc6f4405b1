"""Train a model that scores answers, on pairs of a better and a worse one."""

from pipeline.stages.alone import alone
from pipeline.stages.reward.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
