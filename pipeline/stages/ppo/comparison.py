"""What changed: the same prompts answered by the reference and by the trained policy, with the same uniforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.data.chat import response_text
from pipeline.data.comparison import Side
from pipeline.data.slices import over_ranks
from pipeline.stages.ppo.prompts import prompt_of_episode
from pipeline.stages.ppo.rollout import responses_of, scored

if TYPE_CHECKING:
    from transformers import TokenizersBackend

    from pipeline.core.stage import Processes
    from pipeline.stages.ppo.networks import Policy
    from pipeline.stages.ppo.trainer import Trainer

COMPARED = 64
"""Answers of each model: enough to see a gain of a third of a standard deviation."""


def compare(trainer: Trainer, tokenizer: TokenizersBackend, processes: Processes) -> list[dict[str, Any]]:
    """Rows `{prompt, before, after}`, on every process.

    The prompts are those of the first episodes, which the policy was trained on; the uniforms are those of episodes
    that no update uses, so that no answer here was rewarded.
    """
    trained, _ = trainer.readers()

    def work(part: range) -> list[dict[str, Any]]:
        before, after = (answer(trainer, policy, tokenizer, part) for policy in (trainer.reference, trained))
        prompts = prompts_of(trainer, part)
        return [
            {"prompt": prompt.messages, "before": first, "after": second}
            for prompt, first, second in zip(prompts, before, after, strict=True)
        ]

    return over_ranks(processes, COMPARED, work)


def prompts_of(trainer: Trainer, part: Sequence[int]) -> list[Any]:
    """The prompts of these episodes."""
    prompts = trainer.environment.prompts
    return [prompts[prompt_of_episode(episode, len(prompts), trainer.seed)] for episode in part]


def answer(trainer: Trainer, policy: Policy, tokenizer: TokenizersBackend, part: range) -> list[Side]:
    """A policy's answers to the prompts of these episodes."""
    if not part:
        return []
    environment, prompts = trainer.environment, prompts_of(trainer, part)
    unused = trainer.config.steps * trainer.config.global_batch_size
    with trainer.accelerator.autocast():
        samples = environment.sampler(policy, prompts, [unused + index for index in part])
    responses = responses_of(samples.tokens, samples.mask)
    scores, each = scored(environment.score, prompts, responses)
    figures = {"score": scores} | {f"score_of_{name}": values for name, values in each.items()}
    if environment.truth is not None:
        figures |= environment.truth(prompts, responses)
    return [
        {"text": response_text(tokenizer, response), "tokens": len(response), "ended": bool(ended)}
        | {name: values[row] for name, values in figures.items()}
        for row, (response, ended) in enumerate(zip(responses, samples.ended.tolist(), strict=True))
    ]
