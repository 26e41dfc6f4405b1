"""Which models can be cut among processes, and what is said of the others. That it works: tests/distributed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core.errors import StageError
from pipeline.models.decoder import DecoderConfig
from pipeline.models.loading import new_model
from pipeline.training.adapters import with_adapter
from pipeline.training.lora import LoraConfig
from pipeline.training.tensor_parallel import require_divisible


def decoder(**shape: Any):
    sizes: dict[str, Any] = {"vocab_size": 32, "hidden_size": 48, "num_hidden_layers": 1, "max_position_embeddings": 16}
    return new_model(DecoderConfig(**(sizes | shape)), seed=1)


def test_heads_are_shared_evenly_or_the_error_says_among_how_many_they_can_be():
    model = decoder(num_attention_heads=12, num_key_value_heads=6)
    for world_size in (2, 3, 6):
        require_divisible(model, world_size)
    with pytest.raises(StageError, match=r"num_key_value_heads 6: .* by 4 processes: .* to 2 or 3 or 6, or start by"):
        require_divisible(model, 4)
    with pytest.raises(StageError, match=r"num_key_value_heads 1: cannot be shared by 2 processes: start by .*fsdp2"):
        require_divisible(decoder(num_attention_heads=2, num_key_value_heads=1), 2)


@pytest.mark.parametrize("shape", [{"position_encoding": "alibi"}, {"value_embeddings": True}])
def test_what_belongs_to_single_heads_and_is_not_cut_with_them_is_refused(shape: dict[str, Any]):
    with pytest.raises(StageError, match="DecoderForCausalLM has no plan for tensor parallelism"):
        require_divisible(decoder(num_attention_heads=2, **shape), 2)


@pytest.mark.parametrize("shape", [{}, {"qk_norm": False, "mlp_gated": False, "tie_word_embeddings": False}])
def test_the_plan_names_every_matrix_of_the_decoder_and_nothing_that_is_not_there(shape: dict[str, Any]):
    model = decoder(num_attention_heads=2, **shape)
    names = {name.replace("layers.0", "layers.*"): module for name, module in model.named_modules()}
    assert set(model.tp_plan) <= set(names)
    left = {name for name, module in names.items() if getattr(getattr(module, "weight", None), "ndim", 0) == 2}
    assert left <= set(model.tp_plan)


def test_adapters_are_refused(monkeypatch: pytest.MonkeyPatch):
    launch = {"WORLD_SIZE": "2", "ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_TP_SIZE": "2"}
    for name, value in launch.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StageError, match="lora: under tensor parallelism"):
        with_adapter(decoder(num_attention_heads=2), LoraConfig(), seed=1)
