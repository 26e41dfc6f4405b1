"""Pretrain a decoder from scratch on a corpus."""

from pipeline.stages.alone import alone
from pipeline.stages.pretrain.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
