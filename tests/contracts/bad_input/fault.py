"""A row of the tables: what is broken, how, and the line that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_LINE = 300


@dataclass(frozen=True)
class Fault:
    """One way to break something."""

    what: str
    """What is broken, in words; the test's id."""
    how: Any
    """How: a change to the good input, in the terms of its table."""
    answer: tuple[str, ...]
    """The lines that must come out, all of them; `…` stands for anything."""


def fault(what: str, how: Any, *answer: str) -> Fault:
    return Fault(what, how, answer)


def names(row: Fault) -> str:
    return row.what.replace(" ", "-")


def assert_answered(said: str, row: Fault, folder: Path) -> None:
    """Every line of `said` is short and located, and they are those of the row."""
    lines = said.replace(f"{folder}/", "").splitlines()
    assert "Traceback" not in said, said
    too_long = [line for line in lines if len(line) > LONGEST_LINE]
    assert not too_long, too_long
    unanswered = [line for line, expected in zip(lines, row.answer, strict=False) if not matches(line, expected)]
    assert not unanswered and len(lines) == len(row.answer), "\n".join(["said:", *lines, "expected:", *row.answer])


def matches(line: str, expected: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("…")), line) is not None


Break = Callable[[Path], Any]
"""Breaks something in a folder; returns what is to be read, where that is not obvious."""
