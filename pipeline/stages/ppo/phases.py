"""How long each phase of an update takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PHASES = ("sampling", "reading", "scoring", "update")
"""Answers are sampled; reference and critic read them; the reward scores them; policy and critic learn."""


def no_time() -> dict[str, float]:
    """Zero seconds for each phase."""
    return dict.fromkeys(PHASES, 0.0)


class Phases:
    """Seconds of each phase since they were last asked for."""

    def __init__(self) -> None:
        """Nothing has taken time yet."""
        self._seconds = no_time()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What runs inside is part of a phase. On a GPU each phase ends with a figure that is waited for."""
        started = time.perf_counter()
        yield
        self._seconds[name] += time.perf_counter() - started

    def take(self, tokens: float) -> dict[str, float]:
        """Seconds of each phase, and `tokens` of answers by their sum; then from zero again."""
        seconds, self._seconds = self._seconds, no_time()
        figures = {f"{name}_seconds": round(value, 4) for name, value in seconds.items()}
        return figures | {"tokens_per_second": round(tokens / max(sum(seconds.values()), 1e-9), 1)}
