"""Evaluate: what each model of a chain can do, with standard errors, on the same documents, questions and prompts."""

from pipeline.stages.alone import alone
from pipeline.stages.evaluate.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
