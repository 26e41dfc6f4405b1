"""Let the policy answer prompts, and note what training needs to know of the answers.

Rewards, advantages and losses are computed elsewhere from what is noted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipeline.core.errors import StageError
from pipeline.models.sampling import Samples, episode_uniforms, sample
from pipeline.stages.ppo.costs import SAMPLING_ROWS
from pipeline.stages.ppo.layout import Layout, Packer
from pipeline.stages.ppo.networks import Critic, Policy
from pipeline.stages.ppo.phases import Phases
from pipeline.stages.ppo.prompts import Prompt
from pipeline.stages.ppo.scoring import Responses, Score, WeightedSum
from pipeline.training.memory import is_out_of_memory

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True)
class Rollout:
    """Answers to a batch of prompts. Tensors are (batch, length) unless said, zero outside the mask."""

    prompts: Sequence[Prompt]
    tokens: Tensor
    mask: Tensor
    """1 on response tokens, the end token included."""
    log_probs: Tensor
    """Under the policy that sampled, at its temperature, as the losses will compute them."""
    ref_log_probs: Tensor
    values: Tensor
    scores: Tensor
    """(batch,): as the reward gave them, before clipping and penalties."""
    ended: Tensor
    """(batch,): whether the answer ended itself."""
    each_score: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Where there are several rewards: what each gave, by name."""
    layouts: Sequence[Layout] = ()
    """How all answers go through a network."""
    mismatch: float = 0.0
    """The largest difference between `log_probs` and those of the sampler; 0 where they are the sampler's own."""

    @property
    def prompt_ids(self) -> list[tuple[int, ...]]:
        """The prompts' token ids."""
        return [prompt.ids for prompt in self.prompts]


@dataclass
class Sampler:
    """How answers are sampled."""

    seed: int
    end_ids: Sequence[int]
    pad_id: int
    max_new_tokens: int
    temperature: float
    rows: int = SAMPLING_ROWS
    """Answers sampled side by side at most; halved where they do not fit the memory."""

    def __call__(self, policy: Policy, prompts: Sequence[Prompt], episodes: Sequence[int]) -> Samples:
        """One answer to each prompt; episode `i` uses its own uniforms, so that batching changes nothing.

        Raises:
            StageError: if not even one answer fits the memory.
        """
        while True:
            try:
                return self._in_parts(policy, prompts, episodes)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self.rows = min(self.rows, len(prompts)) // 2
            if self.rows == 0:
                raise StageError(
                    f"ppo: out of memory while a single answer of up to {self.max_new_tokens} tokens is sampled; lower "
                    "sampling.max_new_tokens, or take a smaller policy or reward model"
                )
            if torch.cuda.is_available():
                torch.cuda.empty_cache()  # what was reserved in larger pieces

    def _in_parts(self, policy: Policy, prompts: Sequence[Prompt], episodes: Sequence[int]) -> Samples:
        with policy.using():
            parts = self._sampled(policy, prompts, episodes)
        return join(parts, self.pad_id)

    def _sampled(self, policy: Policy, prompts: Sequence[Prompt], episodes: Sequence[int]) -> list[Samples]:
        return [
            sample(
                policy.model,
                [prompt.ids for prompt in prompts[start : start + self.rows]],
                episode_uniforms(self.seed, episodes[start : start + self.rows], self.max_new_tokens),
                end_ids=self.end_ids,
                pad_id=self.pad_id,
                max_new_tokens=self.max_new_tokens,
                temperature=self.temperature,
            )
            for start in range(0, len(prompts), self.rows)
        ]


def join(parts: Sequence[Samples], pad_id: int) -> Samples:
    """Several batches of samples as one, padded to the longest."""
    if len(parts) == 1:
        return parts[0]
    length = max(part.tokens.shape[1] for part in parts)

    def widen(tensor: Tensor, value: float = 0) -> Tensor:
        return torch.nn.functional.pad(tensor, (0, length - tensor.shape[1]), value=value)

    return Samples(
        tokens=torch.cat([widen(part.tokens, pad_id) for part in parts]),
        mask=torch.cat([widen(part.mask) for part in parts]),
        log_probs=torch.cat([widen(part.log_probs) for part in parts]),
        ended=torch.cat([part.ended for part in parts]),
    )


@torch.no_grad()
def collect(
    policy: Policy, reference: Policy, critic: Critic, score: Score, sampler: Sampler,
    prompts: Sequence[Prompt], episodes: Sequence[int], packer: Packer, accelerator: Accelerator, phases: Phases,
) -> Rollout:  # fmt: skip
    """Sample one answer to each prompt and evaluate it with every model."""
    with phases.phase("sampling"), accelerator.autocast():
        samples = sampler(policy, prompts, episodes)
    with phases.phase("reading"), accelerator.autocast():
        tokens, mask = samples.tokens, samples.mask.float()
        layouts = packer.lay_out([prompt.ids for prompt in prompts], tokens, mask)
        ref_log_probs, values = (evaluate(network, layouts, tokens.shape) for network in (reference, critic))
        log_probs = sampled_log_probs = samples.log_probs.float() * mask
        if accelerator.mixed_precision != "no" or policy.adapters is not None:
            # In half precision a step of sampling and a whole forward pass round too differently for a ratio of 1. And
            # an untrained adapter's KL is 0 by the same pass that the reference takes, not within rounding.
            log_probs = evaluate(policy, layouts, tokens.shape)
        mismatch = float((log_probs - sampled_log_probs).abs().max())
    with phases.phase("scoring"):
        scores, each_score = scored(score, prompts, responses_of(tokens, mask))
    return Rollout(
        prompts=prompts,
        tokens=tokens,
        mask=mask,
        log_probs=log_probs,
        ref_log_probs=ref_log_probs,
        values=values,
        scores=torch.tensor(scores, dtype=mask.dtype, device=mask.device),
        ended=samples.ended,
        each_score=each_score,
        layouts=layouts,
        mismatch=mismatch,
    )


def scored(score: Score, prompts: Sequence[Prompt], responses: Responses) -> tuple[list[float], dict[str, list[float]]]:
    """The scores; and where they are sums, what they are sums of."""
    if not isinstance(score, WeightedSum):
        return score(prompts, responses), {}
    each = score.each(prompts, responses)
    return score.total(each), each


def responses_of(tokens: Tensor, mask: Tensor) -> list[list[int]]:
    """The answers without padding."""
    counts = mask.long().sum(dim=1).tolist()
    return [row[:count] for row, count in zip(tokens.tolist(), counts, strict=True)]


@torch.no_grad()
def evaluate(network: nn.Module, layouts: Sequence[Layout], shape: Sequence[int]) -> Tensor:
    """The network's output for all answers, (batch, length) as `shape` says, zero outside them."""
    output = torch.zeros(*shape, device=layouts[0].input_ids.device)
    for layout in layouts:
        output.view(-1)[layout.places] = network(layout).float()
    return output
