"""What a corpus takes, from the first rows of its sources; imports no torch."""

from __future__ import annotations

from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.stage import Inputs
from pipeline.data.sizes import size_of
from pipeline.stages.corpus.config import Config

_JSON = 1.25
"""Bytes of a written document in units of its text's."""


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Disk by the sources' size, time by their documents."""
    rows, size = 0.0, 0.0
    for source, found in zip(config.sources, inputs.sources, strict=True):
        known = size_of(found.data)
        counts = [count for count in (known.rows, source.documents, config.limit) if count]
        if not counts or known.row_bytes is None:
            unknown = f"{found.data.address} is not read for a plan"
            return Estimate(unknown={"disk_bytes": unknown})
        rows += min(counts)
        size += min(counts) * known.row_bytes
    text = Figure(size, "~")
    return Estimate(
        disk_bytes=text * _JSON,
        pace={"documents_read": Figure(rows)},
        notes=("disk by the first rows of each source",),
        makes={"documents": Figure(rows, "<="), "bytes": text},
    )
