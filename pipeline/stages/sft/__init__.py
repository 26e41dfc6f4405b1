"""Fine-tune a model on demonstrations: conversations whose answers it learns to give."""

from pipeline.stages.alone import alone
from pipeline.stages.sft.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
