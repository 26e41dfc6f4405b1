"""The task that both sides do: small Llamas, prompts, and two rewards. A function of the seeds; nothing is downloaded.

Four networks of 4 layers by 128 (policy, reference, critic, reward model), a vocabulary of 1,024 words, prompts of 8 to
16 words, answers of at most 48. Both sides' environments import this, so it needs nothing of the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

VOCAB_SIZE, PAD, BEGIN, END = 1024, 0, 1, 2
FIRST_WORD = 10
COUNTED = 7
"""The word that the reward `count` counts; it is not in prompts."""
PROMPT_LENGTH, ANSWER_LENGTH = 16, 48
BATCH, MICRO_BATCH, EPOCHS = 64, 16, 4
PROMPTS = 16 * BATCH
SHARED = {"kl": 0.05, "learning_rate": 3e-4, "temperature": 1.0, "gae_lambda": 0.95, "clip": 0.2, "value_clip": 0.2}
"""Settings that both sides have, before they are tuned."""
MEAN_LENGTH = {"short": 20.0, "full": 1e9}
"""Words after which answers end, in the text that the policy is taught by."""


@dataclass(frozen=True)
class Networks:
    """The four, each with weights of its own."""

    policy: LlamaForCausalLM
    reference: LlamaForCausalLM
    critic: LlamaForSequenceClassification
    reward: LlamaForSequenceClassification


def networks(kind: str, cache: str) -> Networks:
    """Drawn from fixed seeds; the policy then taught how long answers are, once for all runs."""
    policy, reference = language_model(0), language_model(0)
    file = Path(cache) / f"{kind}.pt"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        teach_lengths(policy, MEAN_LENGTH[kind])
        torch.save(policy.state_dict(), file)
    for model in (policy, reference):
        model.load_state_dict(torch.load(file))
    critic = scorer(2)
    with torch.no_grad():
        critic.score.weight.mul_(0.1)
    return Networks(policy, reference, critic, scorer(3))


def language_model(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(llama_config())


def scorer(seed: int) -> LlamaForSequenceClassification:
    torch.manual_seed(seed)
    return LlamaForSequenceClassification(llama_config(num_labels=1))


def llama_config(**changes: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=VOCAB_SIZE, hidden_size=128, intermediate_size=344, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=256, tie_word_embeddings=False, pad_token_id=PAD,
        bos_token_id=BEGIN, eos_token_id=END, **changes,
    )  # fmt: skip


def prompts(count: int = PROMPTS, seed: int = 0) -> list[list[int]]:
    """Random words. Every eighth prompt is of full length, so that each batch of a trainer that pads is as wide."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(PROMPT_LENGTH // 2, PROMPT_LENGTH + 1, (count,), generator=generator)
    lengths[:: BATCH // 8] = PROMPT_LENGTH
    words = torch.randint(FIRST_WORD, VOCAB_SIZE, (count, PROMPT_LENGTH), generator=generator)
    return [row[:length] for row, length in zip(words.tolist(), lengths.tolist(), strict=True)]


def left_padded(rows: list[list[int]]) -> Tensor:
    """(rows, PROMPT_LENGTH)"""
    return torch.tensor([[PAD] * (PROMPT_LENGTH - len(row)) + row for row in rows])


def answers(count: int, mean_length: float, generator: torch.Generator) -> Tensor:
    """A chain of words, (count, ANSWER_LENGTH), which ends with the same probability after each word."""
    tokens = torch.full((count, ANSWER_LENGTH), PAD)
    word = torch.randint(FIRST_WORD, VOCAB_SIZE, (count,), generator=generator)
    writing = torch.ones(count, dtype=torch.bool)
    for place in range(ANSWER_LENGTH):
        ends = torch.rand(count, generator=generator) < 1.0 / mean_length
        tokens[writing, place] = torch.where(ends, torch.tensor(END), word)[writing]
        writing &= ~ends
        following = FIRST_WORD + (5 * word + torch.randint(0, 4, (count,), generator=generator)) % (
            VOCAB_SIZE - FIRST_WORD
        )
        word = torch.where(torch.rand(count, generator=generator) < 0.08, torch.tensor(COUNTED), following)
    return tokens


def teach_lengths(model: LlamaForCausalLM, mean_length: float, steps: int = 150) -> None:
    """A short supervised training on `answers`."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for step in range(steps):
        rows = left_padded(prompts(32, seed=10_000 + step))
        tokens = torch.cat([rows, answers(32, mean_length, generator)], dim=1)
        mask = tokens != PAD
        labels = tokens.masked_fill(~mask, -100)
        labels[:, :PROMPT_LENGTH] = -100
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        model(input_ids=tokens, attention_mask=mask, position_ids=positions, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def count_score(answer: list[int]) -> float:
    """The reward `count`."""
    return answer.count(COUNTED) / 8


class CountingModel(nn.Module):
    """The reward `count` as what trl takes for a reward model: a trunk whose last hidden state a head turns to scores.

    The score at each position is that of the answer so far.
    """

    base_model_prefix = "trunk"

    class Trunk(nn.Module):
        def forward(self, input_ids: Tensor, **ignored: Any) -> SimpleNamespace:
            counts = (input_ids == COUNTED).cumsum(dim=1).float()
            return SimpleNamespace(hidden_states=[counts[..., None] / 8])

    def __init__(self) -> None:
        super().__init__()
        self.trunk = CountingModel.Trunk()
        self.score = nn.Identity()


def tokenizer() -> PreTrainedTokenizerFast:
    """A word for each number."""
    words = {"<pad>": PAD, "<bos>": BEGIN, "<eos>": END} | {f"w{number}": number for number in range(3, VOCAB_SIZE)}
    backend = Tokenizer(models.WordLevel(words, unk_token="w3"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", padding_side="left"
    )
