"""What a policy gains for the distance it goes: the same held-out prompts, answered now and then while it trains.

Every time the answers use the same uniforms, and neither these nor the prompts are used elsewhere: so the points of a
course differ by the policy alone, and so do those of two policies that started from the same reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from transformers import PreTrainedModel, TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.references import Resolved
from pipeline.core.stage import Processes, StageContext
from pipeline.data.answers import require_answers_fit, sample_answers
from pipeline.data.chat import prompt_ids
from pipeline.data.comparison import Side
from pipeline.data.course_config import CourseConfig
from pipeline.data.estimates import mean
from pipeline.data.judge import Judge
from pipeline.data.reading import read_prompts
from pipeline.data.scorers import other_columns, true_judge
from pipeline.data.slices import over_ranks
from pipeline.data.supervised import spread
from pipeline.models.loading import require_pad_token
from pipeline.models.log_probs import answer_log_probs

FIRST_INDEX = 1 << 31
"""Of the answers' uniforms: far from those of training."""
_WITH_ERROR = ("kl", "true_score")

Row = dict[str, Any]
Opened = Callable[[], AbstractContextManager[PreTrainedModel]]
"""A model, open as long as it is needed."""


@dataclass(frozen=True)
class Course:
    """Prompts, and what is measured of the answers to them."""

    rows: Sequence[Row]
    """`prompt` (messages), and the columns that the judge reads."""
    judge: Judge | None
    """Who knows the truth about answers, if anyone does."""
    tokenizer: TokenizersBackend
    config: CourseConfig
    seed: int
    processes: Processes

    def answers(self, policy: Opened, other: Opened) -> list[Side]:
        """One answer of `policy` to each prompt, on every process, with what is true of it.

        `log_ratio` is by how much likelier the policy finds it than `other`: with the reference for other, its mean is
        the KL divergence from it. The two may be one model in two states, of which one is open at a time.
        """

        def work(part: range) -> list[Side]:
            own = self.rows[part.start : part.stop]
            prompts, pad_id = [row["prompt"] for row in own], require_pad_token(self.tokenizer)
            with policy() as model:
                answers = sample_answers(
                    model, self.tokenizer, prompts, seed=self.seed, temperature=1.0,
                    max_new_tokens=self.config.max_new_tokens, first_index=FIRST_INDEX + part.start,
                )  # fmt: skip
            asked = [prompt_ids(self.tokenizer, prompt) for prompt in prompts]
            with other() as model:
                theirs = answer_log_probs(model, asked, answers.ids, pad_id).tolist()
            truth = self._truth(own, answers.texts)
            return [
                {"text": text, "tokens": tokens, "ended": ended, "log_ratio": log_prob - their}
                | {name: values[place] for name, values in truth.items()}
                for place, (text, tokens, ended, log_prob, their) in enumerate(
                    zip(answers.texts, answers.token_counts, answers.ended, answers.log_probs, theirs, strict=True)
                )
            ]

        return over_ranks(self.processes, len(self.rows), work)

    def _truth(self, rows: Sequence[Row], texts: Sequence[str]) -> dict[str, list[float]]:
        if self.judge is None or not rows:
            return {}
        prompts, columns = [row["prompt"] for row in rows], other_columns(rows)
        qualities = self.judge.qualities(prompts, texts, **columns)
        return {"true_score": self.judge.score(prompts, texts, **columns)} | {
            f"true_{name}": values for name, values in qualities.items()
        }


def open_course(
    config: CourseConfig, source: Artifact | Resolved | None, others: Sequence[Row], tokenizer: TokenizersBackend,
    context_length: int, context: StageContext,
) -> Course:  # fmt: skip
    """The course on the prompts of `source`, or where there is none on those of the rows `others`, each once.

    Raises:
        DataError: for a prompt that leaves no room for an answer.
    """
    if source is not None:
        rows, judge = read_prompts(source), true_judge(source)
    else:
        rows, judge = list({repr(row["prompt"]): {"prompt": row["prompt"]} for row in others}.values()), None
    rows = spread(rows, config.num_prompts)
    require_answers_fit(rows, tokenizer, context_length, config.max_new_tokens)
    return Course(rows, judge, tokenizer, config, context.seed, context.processes)


def course_figures(answers: Sequence[Side]) -> dict[str, float]:
    """Means over answers, with standard errors of the KL divergence and of the true score."""
    columns: Mapping[str, list[float]] = {
        "kl": [answer["log_ratio"] for answer in answers],
        "response_length": [answer["tokens"] for answer in answers],
        "ended": [float(answer["ended"]) for answer in answers],
        **{name: [answer[name] for answer in answers] for name in answers[0] if name.startswith("true_")},
    }
    figures: dict[str, float] = {}
    for name, values in columns.items():
        figures[name] = fmean(values)
        if name in _WITH_ERROR:
            figures[f"{name}_error"] = mean(values).standard_error or 0.0
    return figures | {"distinct": len({answer["text"] for answer in answers}) / len(answers)}
