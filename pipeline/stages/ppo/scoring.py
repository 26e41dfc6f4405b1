"""What an answer is worth to a reward model, a judge, a Python function or a weighted sum; and the truth, where known.

Clipping and penalties are left to `rewards`. Answers come as token ids; they go to a reward model as they are if it has
the policy's tokenizer, and as text otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.artifacts import RewardModel
from pipeline.core.artifact import Artifact
from pipeline.core.errors import StageError
from pipeline.core.references import Resolved
from pipeline.data import verifiers
from pipeline.data.chat import response_text
from pipeline.data.scorers import CheckedJudge, finite_scores, open_scorer, true_judge
from pipeline.models.device import on_own_device
from pipeline.models.scoring import RewardScorer, load_scorer
from pipeline.stages.ppo.prompts import Prompt, column_values

if TYPE_CHECKING:
    from transformers import TokenizersBackend

    from pipeline.data.judge import Judge

Responses = Sequence[Sequence[int]]
"""The token ids of each answer, its end token included, without padding."""

Score = Callable[[Sequence[Prompt], Responses], list[float]]
"""One finite score per answer."""

Truth = Callable[[Sequence[Prompt], Responses], dict[str, list[float]]]
"""The true score and qualities of each answer, by name: `true_score`, `true_grammatical`, ..."""


def open_reward(source: Any, tokenizer: TokenizersBackend) -> tuple[Score, RewardScorer | None]:
    """The score that the config's `reward` stands for; and the reward model that can start the critic, if there is one.

    `source` is an input or a sequence of `{reward, weight, pattern}`.
    """
    if isinstance(source, Artifact | Resolved):
        return _open_one(source, tokenizer)
    if not source:
        raise StageError("ppo.reward: the list is empty; name at least one reward")
    names = distinct([label(part.reward.address) for part in source])
    scores = {
        name: _open_one(part.reward, tokenizer, part.pattern)[0] for name, part in zip(names, source, strict=True)
    }
    return WeightedSum(scores, [part.weight for part in source]), None


class WeightedSum:
    """Several scores, each times its weight, added; what each said is kept apart for the log."""

    def __init__(self, scores: Mapping[str, Score], weights: Sequence[float]) -> None:
        """`scores` by name; one weight for each."""
        self.scores = scores
        self.weights = weights

    def __call__(self, prompts: Sequence[Prompt], responses: Responses) -> list[float]:
        """The sums."""
        return self.total(self.each(prompts, responses))

    def each(self, prompts: Sequence[Prompt], responses: Responses) -> dict[str, list[float]]:
        """What each score is by itself, before its weight."""
        return {name: score(prompts, responses) for name, score in self.scores.items()}

    def total(self, each: Mapping[str, Sequence[float]]) -> list[float]:
        """The weighted sums of what `each` gave."""
        return [
            sum(weight * value for weight, value in zip(self.weights, row, strict=True))
            for row in zip(*each.values(), strict=True)
        ]


def label(address: str) -> str:
    """A reward's name among the figures: what its address ends in, as a word."""
    last = re.split(r"[:/]", address.split("@")[0].rstrip("/"))[-1]
    return re.sub(r"\W+", "_", last) or "reward"


def distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered where one stands more than once."""
    return [name if names.count(name) == 1 else f"{name}_{place}" for place, name in enumerate(names, start=1)]


def _open_one(
    source: Artifact | Resolved, tokenizer: TokenizersBackend, pattern: str | None = None
) -> tuple[Score, RewardScorer | None]:
    if pattern is not None:
        return score_by_text(CheckedJudge(source.address, verifiers.pattern(pattern)), tokenizer), None
    if isinstance(source, RewardModel) or (isinstance(source, Resolved) and source.scheme in ("path", "hf")):
        assert source.path is not None, source
        scorer = load_scorer(source.path)
        on_own_device(scorer.model)
        if same_tokenizer(scorer.tokenizer, tokenizer):
            return score_by_ids(scorer, source.address), scorer
    return score_by_text(open_scorer(source), tokenizer), None


def same_tokenizer(first: TokenizersBackend, second: TokenizersBackend) -> bool:
    """Whether the two give every conversation the same ids."""
    same_ids = first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
    return same_ids and first.chat_template == second.chat_template


def score_by_ids(scorer: RewardScorer, name: str) -> Score:
    """A reward model that has the policy's tokenizer."""

    def score(prompts: Sequence[Prompt], responses: Responses) -> list[float]:
        rows = [[*prompt.ids, *response] for prompt, response in zip(prompts, responses, strict=True)]
        return finite_scores(name, scorer.score_ids(rows).tolist(), [str(list(response)) for response in responses])

    return score


def score_by_text(judge: Judge, tokenizer: TokenizersBackend) -> Score:
    """A judge that reads text."""

    def score(prompts: Sequence[Prompt], responses: Responses) -> list[float]:
        texts = [response_text(tokenizer, response) for response in responses]
        return judge.score([prompt.messages for prompt in prompts], texts, **column_values(prompts))

    return score


def open_truth(prompts: Artifact | Resolved, tokenizer: TokenizersBackend) -> Truth | None:
    """The true figures of answers to these prompts, if they are builtin and a judge knows the truth about them."""
    judge = true_judge(prompts)
    return truth_by_text(judge, tokenizer) if judge else None


def truth_by_text(judge: Judge, tokenizer: TokenizersBackend) -> Truth:
    """What a judge who knows the truth says of answers: its score and its qualities."""

    def truth(prompts: Sequence[Prompt], responses: Responses) -> dict[str, list[float]]:
        texts = [response_text(tokenizer, response) for response in responses]
        messages, columns = [prompt.messages for prompt in prompts], column_values(prompts)
        qualities = judge.qualities(messages, texts, **columns)
        return {"true_score": judge.score(messages, texts, **columns)} | {
            f"true_{name}": list(map(float, values)) for name, values in qualities.items()
        }

    return truth
