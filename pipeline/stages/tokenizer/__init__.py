"""A tokenizer, trained on the text that the models will see, or adopted from elsewhere."""

from pipeline.stages.alone import alone
from pipeline.stages.tokenizer.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
