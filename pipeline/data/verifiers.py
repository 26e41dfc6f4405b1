"""Judges that verify: 1 for a right answer, 0 for any other, by what the prompt's row says is right."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.core.errors import StageError
from pipeline.data.judge import Message

Verify = Callable[[str, Any], bool]
"""Whether an answer fits what its row says."""


class Verifier:
    """Compares each answer with one column of its prompt's row, or with the same for all prompts."""

    def __init__(self, name: str, column: str, verify: Verify, wanted: Any = None) -> None:
        """`name` is the judge's address in errors; `wanted` stands for every row's column."""
        self.name = name
        self.column = column
        self.verify = verify
        self.wanted = wanted

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """1 where the answer is right, else 0.

        Raises:
            StageError: if the prompts' rows do not say what is right.
        """
        expected = columns.get(self.column) if self.wanted is None else [self.wanted] * len(prompts)
        if expected is None:
            raise StageError(
                f"{self.name}: the prompts have no column {self.column!r}; beside their `path`, "
                f"`columns: {{{self.column}: theirs}}` names the one to read"
            )
        return [
            float(self.verify(completion, self._known(wanted, prompt)))
            for prompt, completion, wanted in zip(prompts, completions, expected, strict=True)
        ]

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """Nothing: an answer is right or not."""
        return {}

    def _known(self, wanted: Any, prompt: list[Message]) -> Any:
        if wanted is None:
            asked = str(prompt[-1]["content"])
            raise StageError(
                f"{self.name}: a prompt's row has no {self.column!r}; complete or remove it: {asked!r:.100}"
            )
        return wanted


def exact_answer() -> Verifier:
    """The answer is the row's `answer` and nothing else; that may be a list of right ones.

    White space around an answer does not count, and a run of it counts as one space.
    """
    return Verifier("builtin:exact-answer", "answer", is_answer)


def is_answer(completion: str, wanted: Any) -> bool:
    """Whether a completion is the wanted answer, or one of them; numbers are compared as they are written."""
    right = wanted if isinstance(wanted, list | tuple) else [wanted]
    return " ".join(completion.split()) in {" ".join(str(one).split()) for one in right}


def pattern(expression: str | None = None) -> Verifier:
    """Somewhere in the answer is what `expression` describes; without one, what the row's `pattern` does."""
    return Verifier("builtin:pattern", "pattern", matches, expression)


def matches(completion: str, wanted: Any) -> bool:
    """Whether the regular expression is found in the completion, in Python's syntax (`^` and `$` anchor it).

    Raises:
        StageError: if it is none.
    """
    try:
        return re.search(str(wanted), completion) is not None
    except re.error as error:
        raise StageError(f"builtin:pattern: {wanted!r:.100} is no regular expression: {error}") from error
