"""What an evaluation takes; imports no torch."""

from __future__ import annotations

from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.models.sizes import Pass, reading_bytes, sampling_bytes
from pipeline.stages.evaluate.config import Config
from pipeline.training.estimate import ModelFacts, model_facts, unknown_after

_ROWS, _BATCH_TOKENS = 128, 4096
"""Answers sampled side by side, and tokens of documents read at once."""
_SAMPLE = 500
"""Bytes of a written sample."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """One model at a time is in memory; time is that of earlier evaluations."""
    disk = Figure(len(config.models) * (6_000 + _SAMPLE * config.samples), "~")
    models = [facts for source in inputs.models if (facts := model_facts(source, context))]
    if len(models) < len(inputs.models):
        why = unknown_after({source.address: source for source in inputs.models}, context)
        return Estimate(disk_bytes=disk, unknown={"memory_bytes": why})
    return Estimate(disk_bytes=disk, memory_bytes=Figure(max(map(_memory, models)), "<="))


def _memory(facts: ModelFacts) -> int:
    sizes = facts.sizes
    length = sizes.max_position_embeddings
    documents = reading_bytes(sizes, Pass(max(1, _BATCH_TOKENS // length), length))
    answers = sampling_bytes(sizes, _ROWS, length // 2, length - length // 2)
    return 4 * facts.weights + max(documents, answers)
