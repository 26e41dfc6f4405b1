"""Publish: a folder laid out as a Hub repository, with a model card that says where the model comes from."""

from pipeline.stages.alone import alone
from pipeline.stages.publish.config import STAGE, Config

run = alone(STAGE)
"""Run this stage by itself: `run(Config(...), out="folder")`."""

__all__ = ["Config", "run"]
