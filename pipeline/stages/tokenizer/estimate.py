"""What a tokenizer takes; imports no torch."""

from __future__ import annotations

from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.stages.tokenizer.config import Config

_ENTRY = 45
"""Bytes of a token and its merge in `tokenizer.json`."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Disk by the vocabulary, time by the bytes that are learned from."""
    pace = {"training_bytes": Figure(config.sample, "<=")} if config.text else {}
    if config.vocab_size is None:  # as many as the text has characters, or the adopted one has
        later = f"after {context.id}"
        return Estimate(pace=pace, unknown={"disk_bytes": later})
    return Estimate(
        disk_bytes=Figure(_ENTRY * config.vocab_size, "~"),
        pace=pace,
        makes={"vocab_size": Figure(config.vocab_size, "<=")},
    )
