"""What goes wrong on order: the next answers to requests of one kind are refused, cut off or lost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

How = Literal["cut", "lose", "503", "race"]


@dataclass
class Fault:
    """One order: `cut` the connection before the request is done, do it and `lose` the answer, answer `503`, or let
    somebody else's commit come first.
    """

    method: str
    path: str
    how: How
    times: int


@dataclass
class Faults:
    """The orders that are open."""

    open: list[Fault] = field(default_factory=list)

    def order(self, method: str, path: str, how: How, times: int = 1) -> None:
        """Let the next `times` requests whose path matches the pattern `path` go wrong."""
        self.open.append(Fault(method, path, how, times))

    def take(self, method: str, path: str) -> How | None:
        """What is to go wrong with this request."""
        for fault in self.open:
            if fault.times and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault.how
        return None
