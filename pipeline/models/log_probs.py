"""How likely a language model finds given answers to prompts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pipeline.models.batching import length_groups, right_padded
from pipeline.models.sampling import evaluating

MICRO_BATCH_TOKENS = 2048


@torch.no_grad()
def answer_log_probs(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], pad_id: int
) -> Tensor:
    """Log-probabilities of whole answers (rows,), float64, in nats; ids of prompts and answers are unpadded.

    Each answer comes after its own prompt, of one token at least. The model is in evaluation mode for the time.
    """
    rows = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    log_probs = torch.zeros(len(rows), dtype=torch.float64)
    with evaluating(model):
        for group in length_groups([len(row) for row in rows], MICRO_BATCH_TOKENS) if rows else ():
            # Right padding needs no mask: no token of a row can see what comes after it.
            input_ids = right_padded([rows[row] for row in group], pad_id).to(model.device)
            logits = model(input_ids=input_ids, use_cache=False).logits[:, :-1].float()
            nats = cross_entropy(logits.transpose(1, 2), input_ids[:, 1:], reduction="none").double()
            first, end = (
                torch.tensor([length(row) for row in group], device=model.device)[:, None]
                for length in (lambda row: len(prompts[row]) - 1, lambda row: len(rows[row]) - 1)
            )
            columns = torch.arange(nats.shape[1], device=model.device)
            log_probs[group] = -(nats * ((columns >= first) & (columns < end))).sum(dim=1).cpu()
    return log_probs
