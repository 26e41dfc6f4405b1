"""CPU seconds of a training that waits for its turn: in turns, the moods of the machine meet all contestants."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from typing import Any


def cpu_seconds() -> float:
    """User and system time of this process and of the compilers that it has started and waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class Clock:
    """A contestant's: it waits on standard input before a turn, and writes a line of JSON after it."""

    def __init__(self, turn: int) -> None:
        """A turn is `turn` steps."""
        self.turn = turn
        self.spent = 0.0
        self.steps = 0

    def start(self) -> None:
        """Everything is loaded: wait for the first turn."""
        _tell({"ready": True})
        self._wait()

    def step(self, last: bool, judge: Callable[[], float]) -> None:
        """Called after every step; what `judge` takes after the last is nobody's time."""
        self.steps += 1
        if not last and self.steps % self.turn:
            return
        self.spent += cpu_seconds() - self._since
        line: dict[str, Any] = {"step": self.steps, "cpu": self.spent}
        if last:
            line["loss"] = judge()
        _tell(line)
        if not last:
            self._wait()

    def _wait(self) -> None:
        sys.stdin.readline()
        self._since = cpu_seconds()


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)
