"""A model that was trained with `lora` goes as its adapter alone, to be opened by peft beside its base on the Hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from pipeline.artifacts import Model
from pipeline.core.errors import StageError
from pipeline.core.stage import Inputs
from pipeline.data.adopting import open_model
from pipeline.models.loading import save_model
from pipeline.stages.publish import adapter
from pipeline.stages.publish.config import Config
from pipeline.stages.publish.quick_start import program_of, run_alone
from pipeline.stages.publish.stage import run
from pipeline.training.adapters import merged, save_adapter, with_adapter
from pipeline.training.lora import LoraConfig
from tests.unit.data.foreign import save_foreign, tokenizer_of
from tests.unit.stages.publish.test_publish import seal
from tests.unit.stages.tiny import make_context, save_tiny_model

COMMIT = "b" * 40
TEMPLATE = "{% for m in messages %}{{ m.content }}<e>{% endfor %}"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the Hub that holds `org/base` at one commit; its padding is one token with its end."""
    hub = tmp_path_factory.mktemp("hub")
    save_foreign(hub / f"models--org--base/snapshots/{COMMIT}", tokenizer_of(["<e>"], "<e>", TEMPLATE, "<e>"), "qwen3")
    return hub


@pytest.fixture(scope="module")
def tuned(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """What a stage with `lora` leaves: merged weights, a padding token more than the base has, the adapter beside."""
    folder = tmp_path_factory.mktemp("run") / "dpo"
    model, adopted = open_model(cache / f"models--org--base/snapshots/{COMMIT}", torch.float32)
    adapted: Any = with_adapter(model, LoraConfig(targets="all-linear"), 1)
    torch.manual_seed(0)
    for weights in adapted.parameters():
        if weights.requires_grad:
            weights.data += 0.02 * torch.randn_like(weights)
    save_adapter(adapted, "hf://org/base", folder)
    save_model(merged(adapted), adopted.tokenizer, folder)
    seal(
        folder,
        "dpo",
        settings={"model": {"path": "hf://org/base"}},
        identity={"model": {"input": f"hf:org/base@{COMMIT}"}},
    )
    return Model(folder, "fingerprint-dpo", "dpo")


def publish(model: Model, folder: Path) -> Any:
    config = Config.model_validate({"model": "dpo", "weights": "adapter", "license": "mit"})
    return run(config, Inputs(model=model, evaluation=None, corpus=None), make_context(folder))


def test_the_repository_opens_by_peft_and_answers_as_the_merged_model(
    cache: Path, tuned: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(adapter, "hub_folder", lambda name, commit: cache)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    outcome = publish(tuned, tmp_path / "publish")
    folder = tmp_path / "publish"
    written = {"README.md", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "chat_template.jinja"}
    assert {file.name for file in folder.iterdir()} >= written and not [
        *folder.glob("model*"),
        *folder.glob("config.json"),
    ]
    settings = json.loads((folder / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == ("org/base", COMMIT)
    card = ModelCard.load(folder / "README.md")
    data = card.data.to_dict()
    assert (data["library_name"], data["base_model"], data["base_model_relation"]) == ("peft", ["org/base"], "adapter")
    assert outcome.metrics["num_parameters"] == 2 * sum(8 * pair for pair in (32 + 32, 32 + 16)) + 3 * 8 * (32 + 48)
    # The card's own quick start, in a process of its own; then its model's logits beside the merged model's.
    compare = (
        "\nimport torch\nfrom transformers import AutoModelForCausalLM\n"
        f"merged = AutoModelForCausalLM.from_pretrained({str(tuned.path)!r})\n"
        "ids = torch.tensor([[5, 9, 40, 41, 17]])\n"
        "assert (model(ids).logits - merged(ids).logits).abs().max() < 1e-5\n"
    )
    answer = run_alone(program_of((folder / "README.md").read_text()) + compare, folder)
    assert answer.returncode == 0, answer.stderr


def test_a_model_without_one_is_told_so(tmp_path: Path):
    with pytest.raises(
        StageError, match=r"publish\.weights: 'plain' has no adapter: no `lora` was set where it was trained"
    ):
        publish(save_tiny_model(tmp_path / "plain"), tmp_path / "publish")


def test_a_base_that_nobody_else_could_open_is_refused(tuned: Model, tmp_path: Path):
    folder = shutil.copytree(tuned.path, tmp_path / "ppo")
    file = folder / "adapter/adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": "sft"}))
    said = r"trained on 'sft', which lies on this machine: nobody else could open it\. Publish 'sft' to the Hub"
    with pytest.raises(StageError, match=said):
        publish(Model(folder, "x", "ppo"), tmp_path / "publish")
