"""Two or more workers that take turns, one update each, and the ratio of what their updates cost.

A turn of one worker falls beside a turn of the other, so what else the machine does weighs on both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ppo.job import Job

ROOT = Path(__file__).parents[2]
Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """Who works: a module of this package and the Python that runs it."""

    name: str
    python: str
    module: str


def own_side() -> Side:
    return Side("ours", sys.executable, "benchmarks.ppo.own_worker")


def trl_side(python: str) -> Side:
    return Side("trl 1.12", python, "benchmarks.ppo.trl_worker")


class Worker:
    """A side's process at work on a job."""

    def __init__(self, side: Side, job: Job) -> None:
        self.side = side
        # Not a pipe, which would fill and stop the worker; closed with it.
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [side.python, "-m", side.module, job.argument()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._said, text=True, env=environment,
        )  # fmt: skip

    def turn(self) -> Row:
        """One update, and what it cost."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            sys.exit(f"{self.side.name}: {self.side.python} ended early:\n{self._said.read()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._said.close()


def take_turns(contestants: Sequence[tuple[Side, Job]]) -> list[list[Row]]:
    """Every contestant's updates, in turns; who has more of them than another takes more in a turn."""
    workers = [Worker(side, replace(job, stepwise=True)) for side, job in contestants]
    rows: list[list[Row]] = [[] for _ in workers]
    turns = min(job.updates for _, job in contestants)
    for turn in range(1, turns + 1):
        for worker, made, (_, job) in zip(workers, rows, contestants, strict=True):
            while len(made) < job.updates * turn // turns:
                made.append(worker.turn())
    for worker in workers:
        worker.close()
    return rows


@dataclass(frozen=True)
class Spread:
    """A figure over turns or seeds: the middle one, the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.middle:.2f} [{self.least:.2f} to {self.most:.2f}]"


def ratios(first: Sequence[Row], second: Sequence[Row]) -> Spread:
    """What the first's updates cost in units of the second's, turn by turn."""
    return Spread.of([one["cpu"] / other["cpu"] for one, other in zip(first, second, strict=True)])
