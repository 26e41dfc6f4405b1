"""What publishing takes; imports no torch."""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.stages.publish.config import Config
from pipeline.training.estimate import model_facts, unknown_after

_FOLDER = 100_000
"""Bytes beside the weights: tokenizer, code, the card."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """The model once more."""
    source: Artifact = inputs.model
    model = model_facts(source, context)
    if model is None:
        return Estimate(unknown={"disk_bytes": unknown_after({"model": source}, context)})
    if config.weights == "adapter":
        return Estimate(unknown={"disk_bytes": "an adapter takes little"})
    return Estimate(parameters=model.parameters, disk_bytes=Figure(4 * model.weights + _FOLDER, "~"))
