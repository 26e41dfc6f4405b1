"""What a judge is: something that scores answers, and may know more about them than one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Message = dict[str, str]
"""`{"role": "user", "content": "…"}`"""


class Judge(Protocol):
    """Scores answers to prompts; `columns` are the other columns of the prompts' rows, one value per answer."""

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """One score per answer, higher is better."""
        ...

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """What else is true of each answer (`grammatical`, `format`: 0 or 1), by name; may be empty."""
        ...
