"""Candidates for pairs: a policy answers each prompt twice, a judge scores both; processes share the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.stage import Processes
from pipeline.data.answers import sample_answers
from pipeline.data.judge import Judge
from pipeline.data.scorers import score_rows
from pipeline.data.slices import over_ranks
from pipeline.stages.preferences.config import Config
from pipeline.stages.preferences.pairs import Candidate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend

Value = TypeVar("Value")


@dataclass(frozen=True)
class Comparison:
    """Everything that makes candidates out of rows with a prompt."""

    model: PreTrainedModel
    tokenizer: TokenizersBackend
    judge: Judge
    config: Config
    seed: int
    processes: Processes

    def candidates(self, rows: Sequence[dict[str, Any]], numbers: range) -> list[Candidate]:
        """Candidates `numbers`, on every process the same; candidate `number` is about row `number` modulo the rows."""
        return over_ranks(self.processes, len(numbers), lambda part: self._own(rows, numbers[part.start : part.stop]))

    def _own(self, rows: Sequence[dict[str, Any]], numbers: range) -> list[Candidate]:
        twice = [rows[number % len(rows)] for number in numbers for _ in range(2)]
        answers = sample_answers(
            self.model,
            self.tokenizer,
            [row["prompt"] for row in twice],
            seed=self.seed,
            temperature=self.config.temperature,
            max_new_tokens=self.config.max_new_tokens,
            first_index=2 * numbers.start,
        )
        scores = score_rows(self.judge, twice, answers.texts)
        return [
            Candidate(
                number=number,
                row=twice[2 * place],
                texts=_two(answers.texts, place),
                scores=_two(scores, place),
                ended=_two(answers.ended, place),
                token_counts=_two(answers.token_counts, place),
            )
            for place, number in enumerate(numbers)
        ]


def _two(values: Sequence[Value], place: int) -> tuple[Value, Value]:
    return values[2 * place], values[2 * place + 1]
