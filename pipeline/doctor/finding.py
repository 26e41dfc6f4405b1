"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was looked at, what is there, and whether a recipe can run with it."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""
    """The way on, where the verdict is not `ok`."""
