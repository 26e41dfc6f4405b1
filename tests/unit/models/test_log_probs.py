"""Log-probabilities of responses against a plain reference."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from pipeline.models.decoder.positions import POSITION_ENCODINGS
from pipeline.models.log_probs import response_log_probs
from tests.unit.models.tiny import PAD, tiny_decoder, tiny_rows, tiny_tokens


@pytest.fixture(params=sorted(POSITION_ENCODINGS))
def model(request):
    return tiny_decoder(position_encoding=request.param)


@pytest.fixture
def batch():
    """Prompts, responses padded on the right, and their mask; prompts and responses differ in length."""
    prompts, responses = tiny_rows(9, 1, 12), tiny_rows(9, 1, 10, seed=40)
    tokens = torch.full((9, 10), PAD)
    for row, response in enumerate(responses):
        tokens[row, : len(response)] = torch.tensor(response)
    return prompts, tokens, tokens != PAD


def reference(model, prompts, tokens, mask, temperature):
    """Row by row and token by token."""
    expected = torch.zeros(tokens.shape)
    for row, prompt in enumerate(prompts):
        for place in range(int(mask[row].sum())):
            before = torch.tensor([[*prompt, *tokens[row, :place].tolist()]])
            expected[row, place] = (model(before).logits[0, -1] / temperature).log_softmax(-1)[tokens[row, place]]
    return expected


@pytest.mark.parametrize("micro_batch_tokens", [None, 64, 1])
def test_log_probs_are_those_of_the_plain_reference(model, batch, micro_batch_tokens):
    with torch.no_grad():
        found = response_log_probs(model, *batch, temperature=0.7, pad_id=PAD, micro_batch_tokens=micro_batch_tokens)
        assert_close(found, reference(model, *batch, temperature=0.7), atol=1e-5, rtol=0)


def test_the_gradient_is_that_of_the_plain_reference(model, batch):
    prompts, tokens, mask = (part[:3] for part in batch)
    weights, gradients = torch.rand(tokens.shape), []
    for log_probs in (
        response_log_probs(model, prompts, tokens, mask.float(), temperature=1.0, pad_id=PAD, micro_batch_tokens=None),
        reference(model, prompts, tokens, mask, temperature=1.0),
    ):
        model.zero_grad()
        (log_probs * weights).sum().backward()
        gradients.append(model.model.layers[0].self_attn.v_proj.weight.grad.clone())
    assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-4)


def test_what_stands_behind_the_mask_changes_nothing(model, batch):
    prompts, tokens, mask = batch
    noisy = torch.where(mask, tokens, tiny_tokens(9, 10, seed=50))
    found = [
        response_log_probs(model, prompts, given, mask, temperature=1.0, pad_id=PAD, micro_batch_tokens=64)
        for given in (tokens, noisy)
    ]
    assert torch.equal(found[0], found[1])
    assert (found[0][~mask] == 0).all()
