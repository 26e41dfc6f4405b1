"""What a line of `metrics.jsonl` says beside loss, learning rate and gradient norm: text, speed, memory, held-out text.

Nothing here changes what is trained.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from pipeline.stages.pretrain.excerpts import Excerpts
from pipeline.stages.pretrain.held_out import HeldOut
from pipeline.training.memory_use import begin_peak_memory, peak_memory
from pipeline.training.rows import RowPlan

_LARGEST = 700.0
"""Nats whose perplexity a float still holds."""
_SHOWN = {"loss": "loss", "bits_per_byte": "bits/byte", "tokens_per_second": "tokens/s", "mfu": "MFU"}
"""What stands in the moving line of a terminal, and how it is called there."""


class Monitor:
    """Figures of the steps since the line before. Its clock runs while there is training, and only then."""

    def __init__(self, plan: RowPlan, row_bytes: np.ndarray, flops: float, peak: float, held_out: HeldOut) -> None:
        """`row_bytes` (rows,) is the text of each row, `flops` the FLOPs of all steps, `peak` the most a second."""
        self.plan, self.flops, self.peak, self.held_out = plan, flops, peak, held_out
        self.excerpts = Excerpts(held_out)
        self.bytes = np.cumsum(row_bytes[plan.batches].sum(axis=1))
        """Bytes of text of all steps up to each, float64 (steps,)."""
        self._done, self._started = 0, 0.0

    def begin(self, done: int) -> None:
        """Training starts after step `done`."""
        begin_peak_memory()
        self.excerpts.begin(done)
        self.start_clock(done)

    def start_clock(self, done: int) -> None:
        """What comes now is training again, from step `done` on."""
        self._done, self._started = done, time.monotonic()

    def line(self, done: int, nats: float, tokens: int) -> dict[str, float]:
        """Figures of the steps up to `done`, whose `tokens` predicted tokens lost `nats`. Called by every process."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        steps, first = done - self._done, self._done
        read = self.bytes[done - 1] - (self.bytes[first - 1] if first else 0.0)
        trained = self.plan.tokens_at(done) - (self.plan.tokens_at(first) if first else 0)
        figures = {
            "bits_per_byte": float(nats / math.log(2) / read),
            "perplexity": perplexity(nats / tokens),
            "tokens_per_second": round(trained / seconds, 1),
            "mfu": round(self.flops * steps / self.plan.steps / seconds / self.peak, 4),
            "memory_bytes": peak_memory(),
        }
        if self.held_out.due(done, self.plan.steps):
            figures |= self.held_out.evaluate(done)
            self.excerpts.write(done)
        return figures


def perplexity(loss: float) -> float:
    """Of so many nats per token: their exponential, kept finite."""
    return math.exp(min(loss, _LARGEST))


def shown(row: dict[str, Any]) -> dict[str, float]:
    """The figures of a line for the moving line of a terminal."""
    return {short: row[name] for name, short in _SHOWN.items()}
