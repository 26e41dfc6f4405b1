from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from pipeline.core.errors import PipelineError
from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM
from pipeline.models.loading import load_classifier, save_model
from pipeline.models.sizes import sizes_of
from pipeline.training.adapters import (
    finished,
    keep_dropout,
    linear_layers,
    merged,
    peft_config,
    save_adapter,
    target_modules,
    with_adapter,
)
from pipeline.training.lora import LoraConfig, adapter_parameters
from pipeline.training.memory import shape_of, step_bytes
from tests.unit.models.tiny import VOCAB_SIZE, tiny_decoder, tiny_tokenizer, tiny_tokens
from tests.unit.stages.tiny import make_context

LLAMA = {
    "vocab_size": VOCAB_SIZE, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
}  # fmt: skip
SMOLLM2_135M = {
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True, "max_position_embeddings": 8192,
}  # fmt: skip


def gpt2() -> PreTrainedModel:
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCAB_SIZE, n_embd=48, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2)
    )


MODELS = {
    "ours": tiny_decoder,
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**LLAMA, head_dim=12)),
    "gpt2": gpt2,
}
SETTINGS = [{}, {"targets": "all-linear"}, {"dora": True}]


def model_of(name: str) -> PreTrainedModel:
    torch.manual_seed(7)
    return MODELS[name]().eval()


def moved(adapted: torch.nn.Module) -> torch.nn.Module:
    """As if it had been trained a little."""
    torch.manual_seed(3)
    for weights in adapted.parameters():
        if weights.requires_grad:
            weights.data += 0.02 * torch.randn_like(weights)
    return adapted


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_untrained_it_changes_no_bit_and_merged_it_gives_what_it_gave(name: str, settings: dict[str, Any]):
    model, tokens = model_of(name), tiny_tokens(2, 9)
    before = model(tokens).logits
    adapted = with_adapter(model, LoraConfig(**settings), seed=1)
    assert torch.equal(adapted(tokens).logits, before)
    after = moved(adapted)(tokens).logits
    assert (after - before).abs().max() > 1e-2
    with adapted.disable_adapter():
        assert torch.equal(adapted(tokens).logits, before)
    plain = merged(adapted)
    torch.testing.assert_close(plain(tokens).logits, after, rtol=0, atol=1e-5)
    assert type(plain) is type(model_of(name)) and set(plain.state_dict()) == set(model_of(name).state_dict())


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["ours", "llama"])
def test_the_formula_counts_what_peft_trains(name: str, settings: dict[str, Any]):
    adapted, lora = with_adapter(model_of(name), LoraConfig(**settings), 1), LoraConfig(**settings)
    trained = sum(weights.numel() for weights in adapted.parameters() if weights.requires_grad)
    assert adapter_parameters(lora, sizes_of(adapted.config.to_dict())) == trained
    shape = shape_of(adapted, 16)
    assert shape.trained == trained
    # Of frozen weights there are neither gradients nor moments.
    full = shape_of(model_of(name), 16)
    assert step_bytes(full, 1, accumulates=True) - step_bytes(shape, 1, accumulates=True) == (
        12 * full.parameters - 4 * trained - 12 * trained
    )


def test_at_rank_8_a_model_of_135m_parameters_trains_at_most_one_in_a_hundred():
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**SMOLLM2_135M))
        weights = sum(weights.numel() for weights in model.parameters())
        adapted = with_adapter(model, LoraConfig(), 1)
    trained = sum(weights.numel() for weights in adapted.parameters() if weights.requires_grad)
    assert weights == 134_515_008
    assert trained == adapter_parameters(LoraConfig(), sizes_of(SMOLLM2_135M)) == 921_600  # 0.69 %


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"rank": 4}, "r"),
        ({"alpha": 4}, "lora_alpha"),
        ({"dropout": 0.5}, "lora_dropout"),
        ({"dora": True}, "use_dora"),
        ({"targets": ["q_proj"]}, "target_modules"),
    ],
)
def test_every_setting_reaches_the_library(settings: dict[str, Any], field: str):
    model = model_of("ours")
    changed, default = (
        getattr(peft_config(model, lora), field) for lora in (LoraConfig.model_validate(settings), LoraConfig())
    )
    assert changed != default


def test_targets_are_found_by_what_layers_are():
    model = model_of("gpt2")
    attention = {"transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj"}
    assert {name for name in target_modules(model, LoraConfig()) if ".0." in name} == attention
    named = LoraConfig(targets=("attn.c_proj",))
    assert target_modules(model, named) == ["transformer.h.0.attn.c_proj", "transformer.h.1.attn.c_proj"]
    assert not [name for name in linear_layers(model) if "lm_head" in name]


def test_a_target_that_is_not_there_is_answered_by_those_that_are():
    said = r"lora.targets: no layer of this GPT2LMHeadModel is meant by 'q_proj'; it has c_attn, c_proj, c_fc"
    with pytest.raises(PipelineError, match=said):
        with_adapter(model_of("gpt2"), LoraConfig(targets=("c_attn", "q_proj")), 1)


def test_the_seed_alone_decides_the_fresh_matrices():
    torch.manual_seed(0)
    first = with_adapter(model_of("ours"), LoraConfig(), 1).state_dict()
    torch.manual_seed(1)
    again = with_adapter(model_of("ours"), LoraConfig(), 1).state_dict()
    other = with_adapter(model_of("ours"), LoraConfig(), 2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_classifiers_new_head_is_trained_whole(tmp_path: Path):
    save_model(tiny_decoder(), tiny_tokenizer(), tmp_path)
    scorer = load_classifier(tmp_path, "model", seed=1)
    assert isinstance(scorer.score, torch.nn.Linear)
    head = scorer.score.weight.clone()
    adapted = with_adapter(scorer, LoraConfig(), 1)
    trained = sum(weights.numel() for weights in adapted.parameters() if weights.requires_grad)
    sizes = sizes_of(adapted.config.to_dict(), labels=1)
    assert trained == adapter_parameters(LoraConfig(), sizes)
    moved(adapted)
    after = adapted(tiny_tokens(2, 9)).logits
    plain = merged(adapted)
    assert type(plain.score) is torch.nn.Linear and not torch.equal(plain.score.weight, head)
    torch.testing.assert_close(plain(tiny_tokens(2, 9)).logits, after, rtol=0, atol=1e-5)


def test_dropout_outlives_trainers_that_take_it_away():
    model = with_adapter(model_of("ours"), LoraConfig(dropout=0.3), 1)
    dropouts = [module for name, module in model.named_modules() if ".lora_dropout." in name]
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    keep_dropout(model, LoraConfig(dropout=0.3))
    assert dropouts and all(module.p == 0.3 for module in dropouts)


@pytest.mark.parametrize(
    ("address", "base", "revision"),
    [
        ("hf://org/name@v1", "org/name", "v1"),
        ("hf://org/name", "org/name", None),
        ("instruct", "instruct", None),
        ("/home/me/base", "base", None),
    ],
)
def test_a_saved_adapter_names_its_base_and_no_path(tmp_path: Path, address: str, base: str, revision: str | None):
    save_adapter(with_adapter(model_of("ours"), LoraConfig(), 1), address, tmp_path)
    settings = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == (base, revision)
    assert {file.name for file in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors"
    }  # fmt: skip


def test_without_one_nothing_is_added(tmp_path: Path):
    model = model_of("ours")
    assert with_adapter(model, None, 1) is model
    assert finished(model, "base", make_context(tmp_path)) is model and not (tmp_path / "adapter").exists()
    config = copy.deepcopy(model.config)
    assert isinstance(config, DecoderConfig) and isinstance(model, DecoderForCausalLM)
    assert adapter_parameters(None, sizes_of(config.to_dict())) is None
