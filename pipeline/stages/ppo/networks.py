"""The policy and the critic as modules that map answers to one number per response token.

Both take a list of prompts' ids and right-padded answers, (batch, length), and return (batch, length), zero outside
the mask. They are modules of their own so that data parallelism sees one forward pass. There is no dropout: the trainer
keeps every model in evaluation mode.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipeline.models.batching import right_padded
from pipeline.models.log_probs import response_log_probs

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pipeline.models.scoring import RewardScorer

Prompts = Sequence[Sequence[int]]


class Policy(nn.Module):
    """Log-probability of every response token under a causal language model."""

    def __init__(self, model: PreTrainedModel, temperature: float, pad_id: int) -> None:
        """Wrap `model`, which keeps its own weights."""
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.pad_id = pad_id

    def forward(self, prompts: Prompts, tokens: Tensor, mask: Tensor) -> Tensor:
        """Log-probabilities at the sampling temperature, (batch, length)."""
        return response_log_probs(
            self.model, prompts, tokens, mask, temperature=self.temperature, pad_id=self.pad_id, micro_batch_tokens=None
        )


class Critic(nn.Module):
    """The value of every response token: the reward expected of the rest of the answer before the token is chosen."""

    def __init__(self, trunk: nn.Module, head: nn.Linear, pad_id: int, mean: float = 0.0, std: float = 1.0) -> None:
        """A decoder without its head, and a linear layer whose output is normalised by `mean` and `std`."""
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.pad_id = pad_id
        self.mean = mean
        self.std = std

    def forward(self, prompts: Prompts, tokens: Tensor, mask: Tensor) -> Tensor:
        """Values, (batch, length), in float32."""
        input_ids, positions = place_right_padded(prompts, tokens, mask, self.pad_id)
        hidden = self.trunk(input_ids=input_ids, use_cache=False).last_hidden_state
        rows = torch.arange(len(input_ids), device=tokens.device)[:, None]
        return (self.head(hidden[rows, positions])[..., 0].float() - self.mean) / self.std * mask


def place_right_padded(prompts: Prompts, tokens: Tensor, mask: Tensor, pad_id: int) -> tuple[Tensor, Tensor]:
    """Prompts followed by their answers, padded on the right; and where each response token is predicted.

    The positions are (batch, length); those outside the mask are within bounds and mean nothing. The last token of an
    answer predicts nothing and is left out. No attention mask is needed, because a causal model's real tokens never see
    the padding behind them.
    """
    counts = mask.long().sum(dim=1).tolist()
    answers = [row[: count - 1] for row, count in zip(tokens.tolist(), counts, strict=True)]
    rows = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    input_ids = right_padded(rows, pad_id).to(tokens.device)
    first = torch.tensor([len(prompt) - 1 for prompt in prompts], device=tokens.device)
    positions = first[:, None] + torch.arange(tokens.shape[1], device=tokens.device)
    return input_ids, positions.clamp(max=input_ids.shape[1] - 1)


def critic_from_reward(scorer: RewardScorer, pad_id: int) -> Critic:
    """A critic that starts as a copy of the reward model: its value is the normalised score of the answer so far."""
    model = copy.deepcopy(scorer.model).float()
    head = model.score
    assert isinstance(head, nn.Linear), head
    return Critic(model.base_model, head, pad_id, scorer.mean, scorer.std)


def critic_from_policy(policy: PreTrainedModel, pad_id: int) -> Critic:
    """A critic that starts as a copy of the policy's trunk and expects nothing."""
    trunk = copy.deepcopy(policy.base_model)
    head = nn.Linear(policy.config.hidden_size, 1, bias=False, device=policy.device)
    nn.init.zeros_(head.weight)
    return Critic(trunk, head, pad_id)


def frozen_copy(policy: Policy) -> Policy:
    """A copy that never changes: the reference."""
    return copy.deepcopy(policy).requires_grad_(False)
