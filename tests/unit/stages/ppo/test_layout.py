"""Answers laid out in rows: every one whole and once, and to every model as if it were alone."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM

from pipeline.models.decoder.positions import POSITION_ENCODINGS
from pipeline.stages.ppo.layout import Packer, even_groups, first_fit
from pipeline.stages.ppo.networks import Policy
from tests.unit.models.tiny import PAD, VOCAB_SIZE, tiny_decoder, tiny_rows

GPT2 = GPT2Config(vocab_size=VOCAB_SIZE, n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3)


@pytest.fixture(params=[*sorted(POSITION_ENCODINGS), "gpt2"])
def model(request):
    """The decoder with every position encoding, and one of the library's with learned positions."""
    torch.manual_seed(1)
    return GPT2LMHeadModel(GPT2).eval() if request.param == "gpt2" else tiny_decoder(position_encoding=request.param)


@pytest.fixture
def answers():
    """Prompts, answers padded on the right, and their mask."""
    prompts, responses = tiny_rows(9, 1, 12), tiny_rows(9, 1, 10, seed=40)
    tokens = torch.full((9, 10), PAD)
    for row, response in enumerate(responses):
        tokens[row, : len(response)] = torch.tensor(response)
    return prompts, tokens, (tokens != PAD).float()


def by_layouts(model, answers, packer, temperature=0.7):
    """Log-probabilities (batch, length), with gradients."""
    mask = answers[2]
    parts, policy = torch.zeros(mask.numel()), Policy(model, temperature, PAD)
    for layout in packer.lay_out(*answers):
        parts = parts.index_put((layout.places,), policy(layout))
    return parts.view(mask.shape)


def one_by_one(model, answers, temperature=0.7):
    """Row by row without padding, in the obvious way."""
    prompts, tokens, mask = answers
    rows = []
    for prompt, row, length in zip(prompts, tokens, mask.sum(dim=1).long().tolist(), strict=True):
        logits = model(torch.cat([torch.tensor(prompt), row[:length]])[None], use_cache=False).logits[0]
        found = (logits / temperature).log_softmax(-1)[len(prompt) - 1 : -1].gather(1, row[:length, None])[:, 0]
        rows.append(torch.nn.functional.pad(found, (0, len(row) - length)))
    return torch.stack(rows)


PACKERS = [Packer(64, PAD), Packer(1, PAD), Packer(64, PAD, 32), Packer(1, PAD, 32), Packer(10_000, PAD, 32)]


@pytest.mark.parametrize("packer", PACKERS)
def test_log_probs_and_gradients_are_those_of_each_answer_alone(model, answers, packer):
    weights, gradients = torch.rand(answers[1].shape), []
    found, expected = by_layouts(model, answers, packer), one_by_one(model, answers)
    assert_close(found, expected, atol=2e-5, rtol=0)
    for log_probs in (found, expected):
        model.zero_grad()
        (log_probs * weights).sum().backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None]))
    assert_close(gradients[0], gradients[1], atol=2e-4, rtol=1e-4)


def test_models_that_tell_packed_answers_apart_are_packed(model):
    assert Policy(model, 1.0, PAD).can_pack()


def test_models_that_do_not_are_left_alone():
    bloom = BloomForCausalLM(BloomConfig(vocab_size=64, hidden_size=32, n_layer=1, n_head=2, initializer_range=0.3))
    window = MistralForCausalLM(
        MistralConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
                      num_key_value_heads=2, sliding_window=4)
    )  # fmt: skip
    assert not Policy(bloom.eval(), 1.0, PAD).can_pack()
    assert not Policy(window.eval(), 1.0, PAD).can_pack()


@pytest.mark.parametrize("packer", PACKERS)
def test_layouts_hold_the_chosen_answers_once_within_the_budget(answers, packer):
    _, tokens, mask = answers
    chosen = [7, 2, 3, 8]
    layouts = packer.lay_out(*answers, chosen)
    places = torch.cat([layout.places for layout in layouts])
    expected = torch.cat([torch.arange(int(mask[row].sum())) + 10 * row for row in chosen])
    assert_close(places.sort().values, expected.sort().values)
    assert_close(torch.cat([layout.tokens for layout in layouts]), tokens.view(-1)[places])
    for layout in layouts:
        assert layout.input_ids.numel() <= packer.micro_batch_tokens or len(layout.input_ids) == 1
        assert int(layout.predicting.sum()) == len(layout.tokens)


def test_first_fit_fills_rows_as_wide_as_the_widest():
    widths = [3, 9, 4, 2, 6, 1]
    rows = first_fit(widths)
    assert sorted(index for row in rows for index in row) == list(range(6))
    assert [sum(widths[index] for index in row) for row in rows] == [9, 9, 7]


def test_groups_are_even_rather_than_full():
    assert [len(group) for group in even_groups([[row] for row in range(9)], 10, 50)] == [4, 5]
    assert [len(group) for group in even_groups([[row] for row in range(3)], 10, 5)] == [1, 1, 1]
