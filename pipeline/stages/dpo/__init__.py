"""Train a policy on pairs of a better and a worse answer, without a reward model (direct preference optimization)."""

from pipeline.stages.alone import alone
from pipeline.stages.dpo.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
