"""Documents from any source, extracted, repaired, deduplicated, filtered and split."""

from pipeline.stages.alone import alone
from pipeline.stages.corpus.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
