"""Exact match on a task with known answers, group by group, the likeliest token taken at every step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

from pipeline.data.answers import sample_answers
from pipeline.data.estimates import mean
from pipeline.data.slices import over_ranks
from pipeline.stages.evaluate.figures import Figure
from pipeline.stages.evaluate.subject import Setting, Subject

SPARE_TOKENS = 4
"""Tokens beyond the longest right answer: an answer that goes on must show that it does."""


class Task(Protocol):
    """Questions with known answers."""

    name: str

    def rows(self) -> list[dict[str, Any]]:
        """Rows of `prompt` (messages), `answer` (text) and `group`."""
        ...

    def correct(self, row: dict[str, Any], completion: str) -> bool:
        """Whether `completion` answers the row."""
        ...

    def baselines(self) -> Mapping[str, float]:
        """For each group, the share that is right by chance or by always giving one answer, whichever is more."""
        ...


class ExactMatch:
    """The share of a task's questions that a model answers rightly."""

    def __init__(self, task: Task) -> None:
        """Measure on `task`."""
        self.task = task

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The questions, the same for every model."""
        return self.task.rows()

    @cached_property
    def baselines(self) -> Mapping[str, float]:
        """What each group's share of right answers is read against."""
        return self.task.baselines()

    def figures(self, subject: Subject, setting: Setting) -> list[Figure]:
        """One figure per group, and their mean over all questions as the group `all`."""
        rows = first_of_each_group(self.rows, setting.config.rows_per_group)
        right = self.right_answers(subject, rows, setting)
        groups: dict[str, list[float]] = {}
        for row, correct in zip(rows, right, strict=True):
            groups.setdefault(row["group"], []).append(float(correct))
        figures = [
            Figure(subject.address, self.task.name, group, "exact_match", mean(values), self.baselines.get(group))
            for group, values in groups.items()
        ]
        overall = mean([value for values in groups.values() for value in values])
        return [*figures, Figure(subject.address, self.task.name, "all", "exact_match", overall)]

    def right_answers(self, subject: Subject, rows: list[dict[str, Any]], setting: Setting) -> list[bool]:
        """Whether each row is answered rightly; the rows are shared among the processes."""
        longest = max(
            len(subject.tokenizer(" " + row["answer"], split_special_tokens=True)["input_ids"]) for row in rows
        )

        def answer(part: range) -> list[bool]:
            own = rows[part.start : part.stop]
            answers = sample_answers(
                subject.model,
                subject.tokenizer,
                [row["prompt"] for row in own],
                seed=setting.seed,
                temperature=0.0,
                max_new_tokens=longest + SPARE_TOKENS,
                first_index=part.start,
            )
            return [self.task.correct(row, text) for row, text in zip(own, answers.texts, strict=True)]

        return over_ranks(setting.processes, len(rows), answer)


def first_of_each_group(rows: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The first `limit` rows of every group, in the task's order."""
    taken: dict[str, int] = {}
    kept = []
    for row in rows:
        taken[row["group"]] = taken.get(row["group"], 0) + 1
        if taken[row["group"]] <= limit:
            kept.append(row)
    return kept
