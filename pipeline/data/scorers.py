"""Open whatever scores answers (a reward model, a builtin judge, a Python function) as one thing: a judge.

Every judge opened here is checked: one finite number per answer, or an error that names the judge and the answer.
Training a reward model and combining several rewards are left to others.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import StageError
from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE
from pipeline.data.judge import Judge, Message
from pipeline.models.device import on_own_device
from pipeline.models.scoring import RewardScorer, load_scorer


def open_scorer(source: Artifact | Resolved) -> Judge:
    """The judge that a recipe's `reward`, `./folder`, `hf://…`, `builtin:name` or `module:function` stands for.

    Raises:
        StageError: if a Python function cannot be imported.
    """
    name = source.address or str(source.path)
    if isinstance(source, Resolved) and source.scheme == "builtin":
        return CheckedJudge(name, CATALOGUE["judge", str(source.name)].open())
    if isinstance(source, Resolved) and source.scheme == "python":
        return CheckedJudge(name, FunctionJudge(name, import_function(str(source.name))))
    assert source.path is not None, source
    scorer = load_scorer(source.path)
    on_own_device(scorer.model)
    return CheckedJudge(name, LearnedJudge(scorer))


def true_judge(source: Artifact | Resolved) -> Judge | None:
    """The judge who knows the truth about answers to these prompts: of builtin ones that have it."""
    if not isinstance(source, Resolved) or source.scheme != "builtin":
        return None
    name = CATALOGUE["data", str(source.name)].truth
    return CATALOGUE["judge", name].open() if name else None


def score_rows(judge: Judge, rows: Sequence[Mapping[str, Any]], completions: Sequence[str]) -> list[float]:
    """The scores of one completion per row; rows hold `prompt` (messages) and the columns that go to the judge."""
    return judge.score([row["prompt"] for row in rows], completions, **other_columns(rows))


def other_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Every column but the prompt, one value per row; None where a row lacks it."""
    names = {name: None for row in rows for name in row if name != "prompt"}
    return {name: [row.get(name) for row in rows] for name in names}


def import_function(name: str) -> Callable[..., Any]:
    """The function that `module:function` names.

    Raises:
        StageError: if the module cannot be imported, or has nothing callable of that name in it.
    """
    module_name, function_name = name.split(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise StageError(f"{name}: {error}; is the folder of {module_name} on PYTHONPATH?") from error
    except Exception as error:  # the module is the user's own and may raise anything
        raise StageError(f"{name}: importing {module_name} raised {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise StageError(f"{name}: {module.__file__} has no function {function_name!r}")
    return function


class LearnedJudge:
    """A reward model: normalised scores, by its own tokenizer and chat template."""

    def __init__(self, scorer: RewardScorer) -> None:
        """Judge by `scorer`."""
        self.scorer = scorer

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """Normalised scores; `columns` mean nothing to a reward model."""
        return self.scorer.score(list(prompts), list(completions))

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """Nothing: a reward model knows only its score."""
        return {}


class FunctionJudge:
    """A Python function by trl's convention: `f(prompts=, completions=, **columns) -> list[float]`.

    Prompts are lists of messages, so completions are too: `[{"role": "assistant", "content": "…"}]` each.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        """Judge by `function`, called `name` in errors."""
        self.name = name
        self.function = function

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """What the function returns.

        Raises:
            StageError: if the function raises; its own error is the cause.
        """
        answers = [[{"role": "assistant", "content": completion}] for completion in completions]
        others = {name: list(values) for name, values in columns.items()}
        # The function is the user's own and may raise anything; which of our calls it failed in is worth saying.
        try:
            return self.function(prompts=list(prompts), completions=answers, **others)
        except Exception as error:
            raise StageError(
                f"{self.name}: raised {type(error).__name__}: {error} while scoring {len(answers)} answers; it is "
                f"called as f(prompts=..., completions=..., **columns) with the columns {', '.join(others) or '(none)'}"
            ) from error

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """Nothing: a function returns scores alone."""
        return {}


class CheckedJudge:
    """A judge whose scores are one finite number per answer."""

    def __init__(self, name: str, judge: Judge) -> None:
        """Check what `judge` says; `name` is its address in the recipe."""
        self.name = name
        self.judge = judge

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """One finite score per answer; nothing is asked about no answers.

        Raises:
            StageError: for another number of scores, or one that is not a finite number.
        """
        if not completions:
            return []
        return finite_scores(self.name, self.judge.score(prompts, completions, **columns), completions)

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """What else the judge knows of the answers."""
        return self.judge.qualities(prompts, completions, **columns)


def finite_scores(name: str, scores: Any, completions: Sequence[str]) -> list[float]:
    """`scores` as a list of floats, one per completion.

    Raises:
        StageError: naming the judge and, for a single score, the answer (counted from 0) it was given for.
    """
    if not hasattr(scores, "__len__") or isinstance(scores, str | dict):
        raise StageError(f"{name}: returned {type(scores).__name__}, not a list of {len(completions)} scores")
    if len(scores) != len(completions):
        raise StageError(f"{name}: returned {len(scores)} scores for {len(completions)} answers")
    checked = []
    for row, (score, completion) in enumerate(zip(scores, completions, strict=True)):
        number = float(score) if hasattr(score, "__float__") else math.nan
        if not math.isfinite(number):
            raise StageError(
                f"{name}: score {score!r} for answer {row} is not a finite number; the answer: {completion!r}"
            )
        checked.append(number)
    return checked
