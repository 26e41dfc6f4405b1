"""Scores of a reward model, normalised by the mean and the standard deviation that were saved beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, TokenizersBackend

from pipeline.core.errors import StageError
from pipeline.models.batching import length_groups, right_padded
from pipeline.models.loading import load_classifier, load_tokenizer, require_pad_token
from pipeline.models.sampling import evaluating

SCORES_FILE = "reward.json"
MICRO_BATCH_TOKENS = 2048


class RewardScorer:
    """A reward model with its tokenizer. Scores are (raw - mean) / std, in fp32, of the model in evaluation mode."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: TokenizersBackend, mean: float = 0.0, std: float = 1.0
    ) -> None:
        """`mean` and `std` are those of the raw scores; left out, scores stay raw."""
        self.model = model
        self.tokenizer = tokenizer
        self.mean = mean
        self.std = std
        self.pad_id = require_pad_token(tokenizer)

    @torch.no_grad()
    def score_ids(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Normalised scores (rows,) of whole conversations by ids, of this scorer's tokenizer and unpadded.

        Raises:
            StageError: if a row is longer than the model's context.
        """
        self._require_room(rows)
        scores = torch.zeros(len(rows))
        with evaluating(self.model):
            for group in length_groups([len(row) for row in rows], MICRO_BATCH_TOKENS):
                scores[group] = self._raw([rows[row] for row in group])
        return (scores - self.mean) / self.std

    def score(self, prompts: Sequence[list[dict[str, str]]], completions: Sequence[str]) -> list[float]:
        """Normalised scores of answers to conversations, by this scorer's own tokenizer and chat template.

        Text that spells a control token stays text.

        Raises:
            StageError: if the tokenizer has no chat template, or a conversation is longer than the model's context.
        """
        if not self.tokenizer.chat_template:
            raise StageError(f"{self.tokenizer.name_or_path}: the reward model's tokenizer has no chat template")
        conversations = [
            [*prompt, {"role": "assistant", "content": completion}]
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        encoded: Any = self.tokenizer.apply_chat_template(conversations, sanitize_control_tokens=True)
        return self.score_ids(encoded["input_ids"]).tolist()

    def _raw(self, rows: Sequence[Sequence[int]]) -> Tensor:
        input_ids = right_padded(rows, self.pad_id).to(self.model.device)
        lengths = torch.tensor([len(row) for row in rows], device=self.model.device)
        # For encoders, which see what stands behind; a decoder would do without.
        attention_mask = torch.arange(input_ids.shape[1], device=self.model.device) < lengths[:, None]
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask.long()).logits
        return logits[:, 0].float().cpu()

    def _require_room(self, rows: Sequence[Sequence[int]]) -> None:
        context = self.model.config.max_position_embeddings
        longest = max(range(len(rows)), key=lambda row: len(rows[row]), default=None)
        if longest is not None and len(rows[longest]) > context:
            raise StageError(
                f"row {longest} has {len(rows[longest])} tokens for the reward model, whose context is {context}; "
                "shorten prompts or answers, or train a reward model with a longer context"
            )


def load_scorer(path: Path | str) -> RewardScorer:
    """The reward model of a folder; one from the Hub brings no `reward.json`, and its scores stay raw.

    Raises:
        StageError: as `load_classifier`; if the model gives more than one score.
    """
    model, tokenizer = load_classifier(path, dtype=torch.float32), load_tokenizer(path)
    if model.config.num_labels != 1:
        raise StageError(f"{path}: num_labels: {model.config.num_labels}: a reward model gives one score")
    model.config.use_cache = False  # by the config: an encoder's forward has no such argument
    file = Path(path) / SCORES_FILE
    statistics = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"mean": 0.0, "std": 1.0}
    return RewardScorer(model, tokenizer, statistics["mean"], statistics["std"])
