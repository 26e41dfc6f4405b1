"""What holds for every decoder that the config can describe: the product of positions, norms and kinds of attention."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, DynamicCache, StaticCache

from pipeline.models.decoder import DecoderForCausalLM
from pipeline.models.decoder.initialization import INITIALIZATIONS
from tests.unit.models import tiny
from tests.unit.models.test_decoder import left_padded
from tests.unit.models.tiny import PAD, tiny_tokens

POSITIONS = {
    "rope": {},
    "partial rope": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5},
    },
    "learned": {"position_encoding": "learned"},
    "sinusoidal": {"position_encoding": "sinusoidal"},
    "alibi": {"position_encoding": "alibi"},
    "none": {"position_encoding": "none"},
}
NORMS = {
    "pre rms": {},
    "post rms": {"norm_position": "post"},
    "pre layer with bias": {"normalization": "layernorm", "norm_bias": True, "embedding_norm": True},
    "post layer": {"normalization": "layernorm", "norm_position": "post", "final_norm": False},
}
ATTENTIONS = {
    "grouped": {},
    "multi-head, biased, value embeddings": {
        "num_key_value_heads": 4,
        "attention_bias": True,
        "qk_norm": False,
        "value_embeddings": True,
    },
    "multi-query, sliding": {"num_key_value_heads": 1, "sliding_window": 5},
    "capped": {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0},
}
SPACE = {
    ", ".join(names): {**POSITIONS[names[0]], **NORMS[names[1]], **ATTENTIONS[names[2]]}
    for names in itertools.product(POSITIONS, NORMS, ATTENTIONS)
}
ANGLES = {"rtol": 1e-5, "atol": 1e-5}
"""Rotary angles are computed in fp32, and padding shifts them all."""
everywhere = pytest.mark.parametrize("settings", SPACE.values(), ids=SPACE)


def tiny_decoder(**settings) -> DecoderForCausalLM:
    """In double precision, so that what should be equal differs by no more than 1e-7."""
    return tiny.tiny_decoder(**settings).double()


@pytest.fixture(autouse=True)
def no_gradients(request):
    with torch.set_grad_enabled("gradient" in request.node.name):
        yield


@everywhere
@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_cached_decoding_agrees_with_the_full_forward(settings, kind):
    model, tokens = tiny_decoder(**settings), tiny_tokens(2, 11)
    cache = (
        DynamicCache(config=model.config) if kind == "dynamic" else StaticCache(config=model.config, max_cache_len=16)
    )
    pieces = tokens.split([4, 1, 1, 2, 1, 1, 1], dim=1)
    stepwise = [model(piece, past_key_values=cache, use_cache=True).logits for piece in pieces]
    assert_close(torch.cat(stepwise, dim=1), model(tokens).logits)


@everywhere
def test_left_padding_changes_nothing(settings):
    model, tokens = tiny_decoder(**settings), tiny_tokens(2, 9)
    input_ids, mask = left_padded(tokens, 4)
    assert_close(model(input_ids, attention_mask=mask).logits[:, 4:], model(tokens).logits, **ANGLES)


@everywhere
def test_decoding_after_left_padding_agrees_with_the_full_forward(settings):
    model, tokens = tiny_decoder(**settings), tiny_tokens(2, 9)
    input_ids, mask = left_padded(tokens, 3)
    read = model(input_ids[:, :8], attention_mask=mask[:, :8], use_cache=True)
    step = model(input_ids[:, 8:9], attention_mask=mask[:, :9], past_key_values=read.past_key_values)
    assert_close(step.logits, model(tokens).logits[:, 5:6], **ANGLES)


@everywhere
def test_packed_documents_do_not_see_each_other(settings):
    model = tiny_decoder(**settings).train()
    first, second = tiny_tokens(2, 6), tiny_tokens(2, 7, seed=4)
    positions = torch.tensor([[*range(6), *range(7)]] * 2)
    packed = model(torch.cat([first, second], dim=1), position_ids=positions, use_cache=False).logits
    assert_close(packed, torch.cat([model(first).logits, model(second).logits], dim=1))


@everywhere
def test_eager_and_sdpa_agree(settings):
    tokens = tiny_tokens(2, 9)
    assert_close(
        tiny_decoder(attention="eager", **settings)(tokens).logits,
        tiny_decoder(attention="sdpa", **settings)(tokens).logits,
    )


@everywhere
def test_a_saved_decoder_gives_the_same_logits_when_loaded(settings, tmp_path):
    model, tokens = tiny_decoder(**settings), tiny_tokens(2, 9)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64)
    assert isinstance(loaded, DecoderForCausalLM)
    assert_close(loaded.eval()(tokens).logits, model(tokens).logits)


@everywhere
def test_gradient_checkpointing_changes_no_gradient(settings):
    tokens, found = tiny_tokens(2, 9), []
    for checkpointing in (False, True):
        model = tiny_decoder(**settings).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        model(tokens, labels=tokens, use_cache=False).loss.backward()
        found.append([parameter.grad for parameter in model.parameters()])
    assert_close(found[0], found[1])


@everywhere
def test_every_weight_gets_a_gradient(settings):
    model, tokens = tiny_decoder(**settings).train(), tiny_tokens(2, 9)
    model(tokens, labels=tokens, use_cache=False).loss.backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    # A bias of the keys moves all products of a query alike, which the softmax does not see.
    assert not [name for name in without if not name.endswith("k_proj.bias")]


@pytest.mark.slow  # compiles kernels
@pytest.mark.parametrize("settings", [{**POSITIONS[name]} for name in POSITIONS], ids=POSITIONS)
def test_flex_attention_agrees_with_sdpa(settings):
    tokens = tiny_tokens(1, 16)
    flex = tiny.tiny_decoder(attention="flex_attention", head_dim=16, **settings)(tokens).logits
    assert_close(flex, tiny.tiny_decoder(attention="sdpa", head_dim=16, **settings)(tokens).logits)


@pytest.mark.parametrize("settings", [{**POSITIONS[name]} for name in POSITIONS], ids=POSITIONS)
def test_generate_with_beams_finds_at_least_the_greedy_likelihood(settings):
    model, tokens = tiny_decoder(**settings), tiny_tokens(2, 5)

    def likelihood(**how):
        rows = model.generate(tokens, max_new_tokens=5, do_sample=False, pad_token_id=PAD, **how)
        log_probs = model(rows).logits[:, 4:-1].log_softmax(-1)
        return log_probs.gather(-1, rows[:, 5:, None]).sum((1, 2))

    assert (likelihood(num_beams=8) >= likelihood() - 1e-4).all()


@pytest.mark.parametrize("scheme", INITIALIZATIONS)
def test_every_initialization_draws_what_it_says(scheme):
    model = tiny_decoder(initialization=scheme, hidden_size=256, num_attention_heads=4, initializer_range=0.05)
    layer, additions = model.model.layers[0], 2 * model.config.num_hidden_layers
    fan_out, fan_in = layer.mlp.up_proj.weight.shape
    deviation = {
        "xavier_uniform": (2 / (fan_in + fan_out)) ** 0.5,
        "xavier_normal": (2 / (fan_in + fan_out)) ** 0.5,
        "kaiming_uniform": (2 / fan_in) ** 0.5,
        "kaiming_normal": (2 / fan_in) ** 0.5,
    }.get(scheme, 0.05)
    assert layer.mlp.up_proj.weight.std().item() == pytest.approx(deviation, rel=0.03)
    residual = layer.self_attn.o_proj.weight.std().item()
    if scheme == "zero_residual":
        assert residual == 0
    if scheme == "gpt2":
        assert residual == pytest.approx(0.05 / additions**0.5, rel=0.03)


def test_flash_attention_is_refused_where_it_cannot_tell_positions():
    with pytest.raises(ValueError, match="Flash Attention"):
        tiny_decoder(position_encoding="alibi", attention="flash_attention_2")
