"""The reward that a policy implies: beta times its log-ratio to the reference (https://arxiv.org/abs/2305.18290).

What the reference finds of the pairs is computed once, before the first step, and kept: it never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from pipeline.core.artifact import read_json, write_json
from pipeline.core.stage import StageContext
from pipeline.data.pair_figures import calibration, pair_figures
from pipeline.data.pairs import AnswerPairs
from pipeline.data.slices import over_ranks
from pipeline.models.log_probs import answer_log_probs

FILE = "reference.json"
"""In the stage's work folder, so that a stage that resumes need not compute it again."""

LogProbs = np.ndarray
"""Of the chosen and of the rejected answers, float64 (pairs, 2)."""


def pair_log_probs(
    model: PreTrainedModel, pairs: AnswerPairs, pad_id: int, precision: str, context: StageContext
) -> LogProbs:
    """What `model` finds of both answers of each pair; the pairs are shared among the processes."""

    def work(part: range) -> list[list[float]]:
        own = slice(part.start, part.stop)
        sides = [
            answer_log_probs(model, pairs.prompts[own], side[own], pad_id).tolist()
            for side in (pairs.chosen, pairs.rejected)
        ]
        return [list(row) for row in zip(*sides, strict=True)]

    with torch.autocast(model.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return np.array(over_ranks(context.processes, len(pairs), work)).reshape(-1, 2)


def reference_log_probs(
    model: PreTrainedModel, sets: Sequence[AnswerPairs], pad_id: int, precision: str, context: StageContext
) -> list[LogProbs]:
    """`pair_log_probs` of each set by the model as it comes in; those of a stopped stage, where there are any."""
    file, known = context.work / FILE, None
    if context.processes.is_main and file.exists():
        known = read_json(file)
    known = context.processes.broadcast(known)
    if known is not None:
        return [np.array(log_probs).reshape(-1, 2) for log_probs in known["log_probs"]]
    found = [pair_log_probs(model, pairs, pad_id, precision, context) for pairs in sets]
    if context.processes.is_main:
        write_json(file, {"log_probs": [log_probs.tolist() for log_probs in found]})
    return found


def held_out_figures(
    log_probs: LogProbs, reference: LogProbs, pairs: AnswerPairs, rows: list[dict[str, Any]], beta: float
) -> dict[str, Any]:
    """How well the implicit reward tells better from worse on held-out pairs, and whether it is as sure as it is right.

    Lengths are those of the answers.
    """
    rewards = beta * (log_probs - reference)
    lengths = [len(ids) for ids in (*pairs.chosen, *pairs.rejected)]
    figures = pair_figures(rewards[:, 0].tolist(), rewards[:, 1].tolist(), rows, lengths)
    return figures | calibration((rewards[:, 0] - rewards[:, 1]).tolist())
