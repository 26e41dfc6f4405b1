"""Log-probabilities of given responses under a causal language model, by one forward pass over prompt and response."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from pipeline.models.batching import length_groups, right_padded


def response_log_probs(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    responses: Tensor,
    mask: Tensor,
    *,
    temperature: float,
    pad_id: int,
    micro_batch_tokens: int | None,
) -> Tensor:
    """The log-probability of each token after what stands before it, at `temperature`.

    The result is (batch, length), fp32, and 0 outside the mask.

    `responses` (batch, length) are padded on the right, and `mask` is 1 on their tokens; prompts have at least one
    token. Rows go through the model in groups of at most `micro_batch_tokens` tokens, padding included, or all at once
    for None. Gradients and the model's mode are as the caller has set them.
    """
    counts = mask.long().sum(dim=1).tolist()
    rows = [
        [*prompt, *tokens[:count]] for prompt, tokens, count in zip(prompts, responses.tolist(), counts, strict=True)
    ]
    groups = length_groups([len(row) for row in rows], micro_batch_tokens)
    parts = []
    for group in groups:
        # The last token predicts nothing.
        input_ids = right_padded([rows[row][:-1] for row in group], pad_id).to(model.device)
        targets = mask[group].bool()
        wanted = torch.zeros_like(input_ids, dtype=torch.bool)
        for place, row in enumerate(group):
            first = len(prompts[row]) - 1
            wanted[place, first : first + counts[row]] = True
        # Without an attention mask: no token of a causal model sees the padding behind it.
        logits = model(input_ids=input_ids, use_cache=False, logits_to_keep=wanted).logits
        flat = -cross_entropy(logits.float() / temperature, responses[group][targets], reduction="none")
        parts.append(torch.zeros_like(targets, dtype=torch.float32).masked_scatter(targets, flat))
    order = torch.tensor([row for group in groups for row in group], device=mask.device)
    return torch.cat(parts)[order.argsort()]
