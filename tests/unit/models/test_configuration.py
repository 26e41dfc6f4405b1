"""What a decoder's config derives and refuses."""

from __future__ import annotations

import typing

import pytest
from huggingface_hub.errors import StrictDataclassFieldValidationError

from pipeline.models.decoder import DecoderConfig
from pipeline.models.decoder.positions import POSITION_ENCODINGS
from tests.unit.models.tiny import tiny_config, tiny_decoder


@pytest.mark.parametrize(
    ("hidden_size", "heads", "intermediate_size"),
    [(128, 2, 344), (64, 1, 176), (96, 2, 256), (32, 1, 88), (768, 12, 2048)],
)
def test_widths_left_out_follow_from_the_hidden_size(hidden_size, heads, intermediate_size):
    config = DecoderConfig(hidden_size=hidden_size)
    assert config.num_attention_heads == config.num_key_value_heads == heads
    assert config.head_dim * heads == hidden_size
    assert config.intermediate_size == intermediate_size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 100, "num_attention_heads": 3}, "hidden_size: 100: not divisible by num_attention_heads"),
        ({"num_attention_heads": 4, "num_key_value_heads": 3}, "num_key_value_heads: 3: does not divide"),
        ({"num_hidden_layers": 0}, "num_hidden_layers: 0: must be at least 1"),
        ({"hidden_size": 0}, "hidden_size: 0: must be at least 1"),
        ({"hidden_size": 33}, "head_dim: 33: rope rotates pairs"),
        ({"attention_dropout": 1.0}, "attention_dropout"),
        ({"hidden_act": "sliu"}, "hidden_act: sliu: is not one of"),
        ({"norm_bias": True}, "norm_bias: True: only a layernorm has a bias"),
        ({"lm_head_bias": True}, "lm_head_bias: True: the output layer is the embedding"),
        ({"sliding_window": 0}, "sliding_window: 0: must be above 0"),
        (
            {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.05}},
            "rope rotates pairs",
        ),
    ],
)
def test_numbers_that_make_no_model_are_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        DecoderConfig(**settings)


@pytest.mark.parametrize(
    "settings",
    [{"num_hidden_layers": 1.5}, {"vocab_size": "many"}, {"position_encoding": "rotary"}, {"normalization": "batch"}],
)
def test_wrong_types_and_unknown_names_are_refused_by_field(settings):
    with pytest.raises(StrictDataclassFieldValidationError, match=next(iter(settings))):
        DecoderConfig(**settings)


def test_config_offers_exactly_the_encodings_of_the_table():
    offered = typing.get_args(DecoderConfig.__annotations__["position_encoding"])
    assert set(offered) == set(POSITION_ENCODINGS)


def test_rope_theta_by_its_old_name_acts():
    assert DecoderConfig(rope_theta=500.0).rope_parameters["rope_theta"] == 500.0


@pytest.mark.parametrize("rope_type", ["linear", "dynamic", "yarn"])
def test_transformers_rope_types_run(rope_type):
    rope = {"rope_type": rope_type, "rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 32}
    model = tiny_decoder(rope_parameters=rope)
    assert model(model.dummy_inputs["input_ids"]).logits.isfinite().all()


def test_embeddings_are_tied_unless_asked_otherwise():
    tied, untied = tiny_decoder(), tiny_decoder(tie_word_embeddings=False)
    assert tied.lm_head.weight is tied.model.embed_tokens.weight
    assert untied.num_parameters() - tied.num_parameters() == tiny_config().vocab_size * tiny_config().hidden_size
