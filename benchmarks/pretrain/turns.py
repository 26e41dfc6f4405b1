"""Contestants side by side: each in a process of its own with one thread, a turn of steps each, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

QUIET = {
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass
class Contestant:
    """A process that waits for its turns."""

    name: str
    task: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What it has written after each turn."""

    def __post_init__(self) -> None:
        """Start it, and wait until everything is loaded."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.pretrain.worker", json.dumps(self.task)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **QUIET, **self.environment},
        )  # fmt: skip
        self._line()

    @property
    def done(self) -> bool:
        """Whether it has been judged."""
        return bool(self.lines) and "loss" in self.lines[-1]

    @property
    def last(self) -> dict[str, Any]:
        """Its newest line."""
        return self.lines[-1]

    def take_turn(self) -> None:
        """One turn, from its start to its line."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.lines.append(self._line())

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # libraries write there too, the Trainer its dicts
            if line.startswith('{"'):
                return json.loads(line)
        raise SystemExit(f"{self.name} ended before it was judged: run it alone to see why\n"
                         f"  {sys.executable} -m benchmarks.pretrain.worker '{json.dumps(self.task)}'")  # fmt: skip


def take_turns(contestants: list[Contestant]) -> None:
    """All of them, turn by turn, until each has been judged."""
    while waiting := [contestant for contestant in contestants if not contestant.done]:
        for contestant in waiting:
            contestant.take_turn()


def alone(contestant: Contestant) -> dict[str, Any]:
    """Its last line, of a race without others."""
    take_turns([contestant])
    return contestant.last
