"""What a worker is asked to do, and how it talks: a JSON object as its argument, a JSON line for each update.

Both sides' environments import this, so it needs nothing but Python.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Job:
    """One training by one side."""

    updates: int
    cache: str
    """Folder of the policies that were taught when to end."""
    kind: str = "short"
    """`short`: answers end by themselves, after about 20 of 48 tokens; `full`: never."""
    reward: str = "model"
    """`model`: a Llama with a score; `count`: how often a symbol stands in the answer, over 8."""
    seed: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    """Beside those of the task: of our config as `update.minibatches`, of trl's PPOConfig by its names."""
    stepwise: bool = False
    """Whether a line on standard input is waited for before each update."""

    def argument(self) -> str:
        """The job as a word of a command line."""
        return json.dumps(asdict(self))


def read_job() -> Job:
    """The job of this process."""
    return Job(**json.loads(sys.argv[1]))


class Report:
    """Says what each update cost; whatever libraries print goes to standard error meanwhile."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.phases: dict[str, float] = {}
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        self._started = self.cpu = 0.0
        os.dup2(2, 1)

    def start(self) -> None:
        """Wait for this process's turn, and begin to count."""
        if self.job.stepwise and not sys.stdin.readline():
            sys.exit(0)
        self.phases.clear()
        self._started = time.process_time()

    def stop(self) -> None:
        """Count no further."""
        self.cpu = time.process_time() - self._started

    def write(self, figures: dict[str, Any]) -> None:
        """The update's line."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
        line = {**figures, "cpu": self.cpu, "phases": dict(self.phases), "peak_bytes": peak}
        self._out.write(json.dumps(line) + "\n")

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """What runs inside counts for `phase`."""
        started = time.process_time()
        yield
        self.phases[phase] = self.phases.get(phase, 0.0) + time.process_time() - started

    def timing(self, function: Callable[..., Any], phase: str | Callable[..., str]) -> Callable[..., Any]:
        """`function`, its time counted for `phase`, which may depend on the arguments."""

        def timed(*arguments: Any, **named: Any) -> Any:
            with self.timed(phase if isinstance(phase, str) else phase(*arguments)):
                return function(*arguments, **named)

        return timed
