"""A folder that holds an adapter alone stands for a model: its base with the adapter in its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from pipeline.artifacts import Model
from pipeline.core import hub
from pipeline.core.errors import PipelineError, StageError
from pipeline.core.references import Reference, accepts
from pipeline.core.resolve import Digests, Resolver
from pipeline.data.adopting import open_model
from pipeline.data.builtin import CATALOGUE
from pipeline.models import merging
from pipeline.models.headers import folder_sizes, weight_count
from pipeline.models.loading import load_classifier, load_model
from tests.unit.data.foreign import SHAPE, tokenizer_of

END = "<|im_end|>"
TEMPLATE = "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"
TOKENS = torch.tensor([[5, 9, 40, 41, 17]])


def tokenizer(*more: str) -> Any:
    return tokenizer_of(["<|endoftext|>", END, *more], END, TEMPLATE, "<|endoftext|>")


def save_base(folder: Path, family: str = "llama", seed: int = 0, **changes: Any) -> Path:
    torch.manual_seed(seed)
    rows = len(tokenizer())
    if family == "gpt2":
        model: Any = GPT2LMHeadModel(GPT2Config(vocab_size=rows, n_embd=32, n_layer=2, n_head=2, n_positions=64))
    else:
        model = LlamaForCausalLM(LlamaConfig(vocab_size=rows, **SHAPE | {"num_hidden_layers": 2} | changes))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_trained(folder: Path, base: Path, name: str, **settings: Any) -> torch.Tensor:
    """An adapter as peft saves it, away from where it starts, that names its base so; what it gives of `TOKENS`."""
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    settings = {"target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM", "r": 4} | settings
    adapted = peft.get_peft_model(model, peft.LoraConfig(**settings)).eval()
    torch.manual_seed(3)
    for weights in adapted.parameters():
        if weights.requires_grad:
            weights.data += 0.05 * torch.randn_like(weights)
    adapted.save_pretrained(str(folder))
    rename(folder, base_model_name_or_path=name)
    return adapted(TOKENS).logits.detach()


def rename(folder: Path, **named: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | named))


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("llama", {}),
        ("llama", {"use_dora": True}),
        ("llama", {"modules_to_save": ["lm_head"]}),
        ("gpt2", {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True}),
    ],
    ids=["lora", "dora", "a head of its own", "Conv1D"],
)
def test_it_opens_as_its_base_with_the_adapter_in_its_weights(tmp_path: Path, family: str, settings: dict[str, Any]):
    base = save_base(tmp_path / "base", family)
    said = save_trained(tmp_path / "adapter", base, "base", **settings)
    model, adopted = open_model(tmp_path / "adapter", torch.float32)
    torch.testing.assert_close(model(TOKENS).logits, said, rtol=0, atol=1e-5)
    assert (said - load_model(base)(TOKENS).logits).abs().max() > 1e-2
    assert adopted.tokenizer.eos_token == END and not [name for name in model.state_dict() if "lora" in name]
    assert folder_sizes(tmp_path / "adapter") == folder_sizes(base)
    assert weight_count(tmp_path / "adapter") == weight_count(base)


def test_its_identity_is_that_of_both(tmp_path: Path):
    base = save_base(tmp_path / "base")
    save_trained(tmp_path / "adapter", base, "base")

    def identity() -> str:
        resolver = Resolver(CATALOGUE, tmp_path, Digests(None))
        return resolver.resolve(Reference(path="./adapter"), accepts(Model, schemes="path")).fingerprint

    before = identity()
    assert before == identity()
    save_base(base, seed=1)
    assert before != identity()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"hidden_size": 48}, r"lora_A.weight is \[4, 32\] there and would be \[4, 48\] here"),
        ({"num_hidden_layers": 3}, r"the adapter has no base_model\.model\.model\.layers\.2\."),
        ({"num_hidden_layers": 1}, r"the base has no base_model\.model\.model\.layers\.1\."),
        ({"family": "gpt2"}, r"GPT2LMHeadModel\): Target modules .* not found"),
    ],
    ids=["widths", "deeper", "shallower", "another architecture"],
)
def test_another_base_is_named_with_what_differs(tmp_path: Path, other: dict[str, Any], said: str):
    save_trained(tmp_path / "adapter", save_base(tmp_path / "base"), "other")
    save_base(tmp_path / "other", **other)
    with pytest.raises(StageError, match=rf"adapter: the adapter was not trained on .*other \(a .*{said}") as error:
        load_model(tmp_path / "adapter")
    assert "name its own base and revision in adapter_config.json, or merge it" in str(error.value)


def test_targets_that_are_spelled_out_do_not_hide_a_deeper_base(tmp_path: Path):
    spelled = [f"model.layers.{layer}.self_attn.q_proj" for layer in range(2)]
    save_trained(tmp_path / "adapter", save_base(tmp_path / "base"), "other", target_modules=spelled)
    save_base(tmp_path / "other", num_hidden_layers=4)
    with pytest.raises(StageError, match="it is beside layers 0 to 1, and the base has 4"):
        load_model(tmp_path / "adapter")


def test_a_resized_vocabulary_is_refused_and_a_padding_token_is_not(tmp_path: Path):
    save_trained(tmp_path / "adapter", save_base(tmp_path / "base"), "base")
    padded = tokenizer()
    padded.add_special_tokens({"pad_token": "<|pad|>"})
    padded.save_pretrained(tmp_path / "adapter")
    assert open_model(tmp_path / "adapter")[0].config.vocab_size == len(tokenizer()) + 1
    padded.add_tokens(["mill", "rye"])
    padded.save_pretrained(tmp_path / "adapter")
    with pytest.raises(StageError, match=r"has 261 tokens, its base .*base an embedding of 258; merge it where"):
        load_model(tmp_path / "adapter")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"base_model_name_or_path": "sft"}, "'sft' is no model's folder beside the adapter and no org/name on the Hub"),
        ({"base_model_name_or_path": None}, "names no base; write base_model_name_or_path"),
        ({"base_model_name_or_path": "org/base", "revision": "v9"}, r"its base cannot be had: hf://org/base@v9: "),
    ],
)  # fmt: skip
def test_a_base_that_is_nowhere_is_told(tmp_path: Path, named: dict[str, Any], said: str, monkeypatch: Any):
    save_trained(tmp_path / "adapter", save_base(tmp_path / "elsewhere/base"), "x")
    rename(tmp_path / "adapter", **named)

    def gone(repository: str, kind: Any, revision: str) -> str:
        raise StageError(f"hf://{repository}@{revision}: the repository has no revision {revision!r}")

    monkeypatch.setattr(hub, "_ask", gone)
    with pytest.raises(PipelineError, match=said):
        load_model(tmp_path / "adapter")


def test_a_base_on_the_hub_is_taken_at_its_revision(tmp_path: Path, monkeypatch: Any):
    base, commit = save_base(tmp_path / "elsewhere/base"), "a" * 40
    said = save_trained(tmp_path / "adapter", base, "org/base")
    rename(tmp_path / "adapter", revision=commit)
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(merging, "hub_folder", lambda *at: (asked.append(at), base)[1])
    torch.testing.assert_close(load_model(tmp_path / "adapter")(TOKENS).logits, said, rtol=0, atol=1e-5)
    assert set(asked) == {("org/base", commit)}


def test_it_is_no_reward_model(tmp_path: Path):
    save_trained(tmp_path / "adapter", save_base(tmp_path / "base"), "base")
    with pytest.raises(StageError, match="an adapter alone is no reward model; merge it into its base"):
        load_classifier(tmp_path / "adapter")
