"""The table of contents: every kind of stage, in the order in which text becomes a published model. No torch here."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping

from pipeline.core.stage import Stage
from pipeline.stages.packages import brought_stages

KINDS = (
    "corpus",  # raw text -> clean documents
    "tokenizer",  # documents -> byte-level BPE
    "pretrain",  # documents, tokenizer -> a decoder from scratch
    "sft",  # model, demonstrations -> a model that answers
    "instruct",  # model, mixture of conversations -> a model that follows instructions
    "preferences",  # model, prompts, judge -> pairs of a better and a worse answer
    "reward",  # pairs -> a model that scores answers
    "ppo",  # model, reward, prompts -> an aligned model
    "dpo",  # model, pairs -> an aligned model, without a reward model
    "evaluate",  # models -> figures and samples
    "publish",  # model, figures -> a folder laid out as a Hub repository
)


@functools.cache
def stage_table() -> Mapping[str, Stage]:
    """The stages by kind: ours, then those that other packages bring.

    Raises:
        StageError: for another package's stage that cannot be used.
    """
    ours = {kind: importlib.import_module(f"pipeline.stages.{kind}.config").STAGE for kind in KINDS}
    return ours | {brought.stage.kind: brought.stage for brought in brought_stages(KINDS)}
