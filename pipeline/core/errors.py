"""A user's mistakes. Each error names the place, the value and the way on, and is printed without traceback."""

from __future__ import annotations

from dataclasses import dataclass


class PipelineError(Exception):
    """A mistake the user can mend. `exit_code` is what the command returns."""

    exit_code = 3


class DataError(PipelineError):
    """A row, file or data set that cannot be used; the message starts with its place (`file:line`)."""


class StageError(PipelineError):
    """A stage that cannot go on with these settings and inputs."""


class RunError(PipelineError):
    """A run folder that cannot be used as asked: it differs, is locked, damaged, or not visible to every process."""


class SettingError(ValueError):
    """Raised by a config's validator, for a fault that lies in one of its settings or between several."""

    def __init__(self, message: str, *settings: str) -> None:
        """`settings` are the faulty ones, relative to the config (`filters.max_characters`): shown at the first."""
        self.settings = settings
        super().__init__(message)


@dataclass(frozen=True)
class Problem:
    """One fault of a recipe, with its place."""

    place: str
    """`file:line:column`, or the override as it was given (`--set a.b=c`)."""
    path: str
    """The key's path, for instance `stages.sft.loss_on`; empty for a fault of the file itself."""
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """The problem as one line: place, path, message, hint."""
        path = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.place}: {path}{self.message}{hint}"


class RecipeError(PipelineError):
    """All the problems of one recipe."""

    exit_code = 2
    most_shown = 40

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems; the message is one line for each of the first 40."""
        self.problems = problems
        lines = [str(problem) for problem in problems[: self.most_shown]]
        left = len(problems) - len(lines)
        super().__init__("\n".join([*lines, f"and {left:,} more"] if left else lines))
