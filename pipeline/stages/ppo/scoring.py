"""What an answer is worth to a reward model, a judge, a Python function or a weighted sum; and the truth, where known.

Clipping and penalties are left to `rewards`. Answers come as token ids; they go to a reward model as they are if it has
the policy's tokenizer, and as text otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.artifacts import RewardModel
from pipeline.core.artifact import Artifact
from pipeline.core.errors import StageError
from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE
from pipeline.data.chat import response_text
from pipeline.data.scorers import finite_scores, open_scorer
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

    `source` is an input or a sequence of `{reward, weight}`.
    """
    if isinstance(source, Artifact | Resolved):
        return _open_one(source, tokenizer)
    scores = [_open_one(part.reward, tokenizer)[0] for part in source]
    weights = [part.weight for part in source]
    if not scores:
        raise StageError("ppo.reward: the list is empty; name at least one reward")
    return weighted_sum(scores, weights), None


def weighted_sum(scores: Sequence[Score], weights: Sequence[float]) -> Score:
    """The sum of the scores, each times its weight."""

    def score(prompts: Sequence[Prompt], responses: Responses) -> list[float]:
        parts = [part(prompts, responses) for part in scores]
        return [
            sum(weight * value for weight, value in zip(weights, row, strict=True)) for row in zip(*parts, strict=True)
        ]

    return score


def _open_one(source: Artifact | Resolved, tokenizer: TokenizersBackend) -> tuple[Score, RewardScorer | None]:
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
    if not isinstance(prompts, Resolved) or prompts.scheme != "builtin":
        return None
    name = CATALOGUE["data", str(prompts.name)].truth
    return truth_by_text(CATALOGUE["judge", name].open(), tokenizer) if name else None


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
