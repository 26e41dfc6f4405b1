"""One answer, token by token: the model reads each token once and keeps its keys and values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from pipeline.models.sampling import draw


@torch.no_grad()
def stream(
    model: PreTrainedModel,
    prompt: Sequence[int],
    uniforms: Tensor,
    *,
    end_ids: Collection[int],
    temperature: float,
    top_p: float = 1.0,
) -> Iterator[int]:
    """The tokens of an answer to `prompt` (ids, at least one), with the end token that ends it.

    One uniform of `uniforms` (length,) for each token; without an end token the answer is as long as they are. The
    model is in evaluation mode. With `top_p` 1 the tokens are those of `models.sampling.sample`.
    """
    assert prompt and not model.training, "see the docstring"
    cache = DynamicCache(config=model.config)
    tokens, place = torch.tensor([prompt], device=model.device), 0
    for uniform in uniforms.to(model.device):
        width = place + tokens.shape[1]
        outputs = model(
            input_ids=tokens,
            attention_mask=torch.ones(1, width, dtype=torch.long, device=model.device),
            position_ids=torch.arange(place, width, device=model.device)[None],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        token = choose(outputs.logits[:, -1], uniform[None], temperature, top_p)
        yield token
        if token in end_ids:
            return
        tokens, place = torch.tensor([[token]], device=model.device), width


def choose(logits: Tensor, uniform: Tensor, temperature: float, top_p: float) -> int:
    """The token of logits (1, vocabulary) that `uniform` (1,) falls on; the likeliest at temperature 0."""
    if temperature == 0:
        return int(logits.argmax())
    if top_p < 1:
        logits = nucleus(logits.float(), temperature, top_p)
    return int(draw(logits, uniform, temperature)[0])


def nucleus(logits: Tensor, temperature: float, top_p: float) -> Tensor:
    """The logits (batch, vocabulary) with all but the likeliest tokens at minus infinity.

    As few are kept as have `top_p` of the probability together, one at least (https://arxiv.org/abs/1904.09751).
    """
    probabilities, order = (logits / temperature).softmax(dim=-1).sort(dim=-1, descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities  # of the tokens that are likelier
    left_out = (before >= top_p).index_fill(-1, torch.tensor([0], device=logits.device), False)
    return logits.masked_fill(torch.zeros_like(left_out).scatter(-1, order, left_out), -torch.inf)
