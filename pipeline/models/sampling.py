"""Answers sampled from a causal language model, the same whatever the batch.

Each row has its own stream of uniforms, turned into tokens by the inverse of the distribution function. So neither the
rows beside it nor the number of processes change what is sampled. Texts and templates are the callers'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

ROWS_TO_KEEP = 0.75
"""When fewer of a batch's rows than this share are still being written, the others leave it."""


@dataclass(frozen=True)
class Samples:
    """Sampled answers; tensors are (batch, length) unless said, as long as the longest answer, padded on the right."""

    tokens: Tensor
    mask: Tensor
    """True on the answers' tokens, the end token included."""
    log_probs: Tensor
    """Of each token under the distribution it was drawn from, in fp32; 0 outside the mask."""
    ended: Tensor
    """(batch,): whether the answer ended itself."""


def episode_uniforms(seed: int, indices: Sequence[int], length: int) -> Tensor:
    """Uniforms in [0, 1), (batch, length), float64: row by row the stream of (`seed`, index), of which a longer
    `length` shows more.
    """
    streams = [np.random.Generator(np.random.Philox(key=np.array([seed, index], np.uint64))) for index in indices]
    return torch.from_numpy(np.stack([stream.random(length) for stream in streams]))


@torch.no_grad()
def sample(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    uniforms: Tensor,
    *,
    end_ids: Sequence[int],
    pad_id: int,
    max_new_tokens: int,
    temperature: float = 1.0,
) -> Samples:
    """One answer to each prompt (token ids, at least one), drawn with `uniforms` (batch, at least `max_new_tokens`).

    An answer ends with the first of `end_ids`, or unended after `max_new_tokens`. The model is in evaluation mode
    meanwhile.
    """
    assert temperature > 0 and uniforms.shape[1] >= max_new_tokens and all(prompts), "see the docstring"
    device = model.device
    uniforms, ends = uniforms.to(device), torch.tensor(list(end_ids), device=device)
    shape = (len(prompts), max_new_tokens)
    tokens = torch.full(shape, pad_id, device=device)
    mask = torch.zeros(shape, dtype=torch.bool, device=device)
    log_probs = torch.zeros(shape, device=device)
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    with evaluating(model):
        batch = _Batch(model, prompts, pad_id, max_new_tokens)
        logits = batch.read_prompts()
        for step in range(max_new_tokens):
            rows = batch.rows[batch.writing]
            drawn, drawn_log_probs = draw(logits[batch.writing], uniforms[rows, step], temperature)
            tokens[rows, step], log_probs[rows, step], mask[rows, step] = drawn, drawn_log_probs, True
            ended[rows] = torch.isin(drawn, ends)
            batch.stop(ended)
            if step + 1 == max_new_tokens or not batch.any_writing:
                break
            logits = batch.read(tokens[batch.rows, step], step)
    length = step + 1
    return Samples(tokens[:, :length], mask[:, :length], log_probs[:, :length], ended)


def draw(logits: Tensor, uniforms: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Tokens (batch,) whose share of the distribution's sum holds `uniforms` (batch,), and their log-probabilities.

    `logits` are (batch, vocabulary). The sum runs in float64 and is taken as it comes out, so that a uniform below 1
    never passes its end; a token of probability zero is never drawn.
    """
    log_probs = (logits.float() / temperature).log_softmax(dim=-1)
    cumulative = log_probs.exp().cumsum(dim=-1, dtype=torch.float64)
    tokens = torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:], right=True)
    return tokens[:, 0], log_probs.gather(1, tokens)[:, 0]


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """The model in evaluation mode inside, and in the mode it came in afterwards."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


class _Batch:
    """The rows that go through the model together, with their cache; prompts are padded on the left."""

    def __init__(self, model: PreTrainedModel, prompts: Sequence[Sequence[int]], pad_id: int, room: int) -> None:
        self.model = model
        self.cache = DynamicCache(config=model.config)
        lengths = [len(prompt) for prompt in prompts]
        self.width = max(lengths)
        padded = [[pad_id] * (self.width - len(prompt)) + list(prompt) for prompt in prompts]
        self.input_ids = torch.tensor(padded, device=model.device)
        self.lengths = torch.tensor(lengths, device=model.device)
        columns = torch.arange(self.width + room, device=model.device)
        self.seen = (columns >= self.width - self.lengths[:, None]).long()
        self.rows = torch.arange(len(prompts), device=model.device)  # which of the prompts each row answers
        self.writing = torch.ones_like(self.rows, dtype=torch.bool)
        self.any_writing = True

    def read_prompts(self) -> Tensor:
        """Logits (rows, vocabulary) after the prompts."""
        positions = (self.seen[:, : self.width].cumsum(dim=1) - 1).clamp(min=0)
        return self._forward(self.input_ids, positions, self.width)

    def read(self, tokens: Tensor, step: int) -> Tensor:
        """Logits (rows, vocabulary) after the answers' tokens (rows,) of this step."""
        return self._forward(tokens[:, None], (self.lengths + step)[:, None], self.width + step + 1)

    def stop(self, ended: Tensor) -> None:
        """Take note of the answers that ended, `ended` (prompts,); their rows leave when there are enough of them."""
        self.writing = ~ended[self.rows]
        count = int(self.writing.sum())
        self.any_writing = count > 0
        if 0 < count < ROWS_TO_KEEP * len(self.rows):
            staying = self.writing.nonzero()[:, 0]
            self.cache.batch_select_indices(staying)
            self.rows, self.lengths, self.seen = self.rows[staying], self.lengths[staying], self.seen[staying]
            self.writing = self.writing[staying]

    def _forward(self, input_ids: Tensor, positions: Tensor, width: int) -> Tensor:
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=self.seen[:, :width],
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return outputs.logits[:, -1]
