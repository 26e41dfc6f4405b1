"""Stages that train an adapter: what they write, and that they go on exactly where they stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from pipeline.core.stage import Inputs
from pipeline.models.loading import load_classifier
from pipeline.models.scoring import load_scorer
from pipeline.stages.dpo.stage import run as run_dpo
from pipeline.stages.instruct.stage import run as run_instruct
from pipeline.stages.reward.stage import run as run_reward
from pipeline.stages.sft.stage import run as run_sft
from pipeline.training.lora import LoraConfig
from tests.unit.models.tiny import tiny_rows
from tests.unit.stages.dpo.test_stage import prepare as prepare_dpo
from tests.unit.stages.instruct.test_stage import prepare as prepare_instruct
from tests.unit.stages.reward.test_stage import prepare as prepare_reward
from tests.unit.stages.sft.test_stage import ROWS
from tests.unit.stages.sft.test_stage import settings as sft_settings
from tests.unit.stages.tiny import make_context, read_jsonl, save_tiny_model, write_jsonl
from tests.unit.training.killing import assert_resumes_exactly


def prepare_sft(folder: Path) -> tuple[Any, Inputs]:
    model = save_tiny_model(folder / "base")
    return sft_settings(), Inputs(model=model, data=write_jsonl(folder / "chat.jsonl", ROWS), validation=0.1)


def adapted(prepared: tuple[Any, Inputs], lora: dict[str, Any]) -> tuple[Any, Inputs]:
    """A stage's settings with an adapter, and its inputs."""
    config, inputs = prepared
    return config.model_copy(update={"lora": LoraConfig.model_validate(lora)}), inputs


@pytest.mark.parametrize(
    ("prepare", "run", "lora"),
    [
        (prepare_sft, run_sft, {"dropout": 0.1}),
        (prepare_sft, run_sft, {"targets": "all-linear", "dora": True}),
        (prepare_instruct, run_instruct, {}),
        (prepare_reward, run_reward, {"dropout": 0.1}),
        (prepare_dpo, run_dpo, {"dropout": 0.1}),
    ],
)
def test_killed_it_ends_with_the_bits_of_one_that_was_not(
    tmp_path: Path, prepare: Callable[..., Any], run: Callable[..., Any], lora: dict[str, Any]
):
    config, inputs = adapted(prepare(tmp_path), lora)
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=7, kept=4)
    settings = [(tmp_path / name / "adapter/adapter_config.json").read_bytes() for name in ("whole", "killed")]
    assert settings[0] == settings[1]


def test_an_adapter_is_merged_and_kept_beside(tmp_path: Path):
    """The artifact opens with plain transformers, and gives what its base gives with the adapter by peft itself."""
    config, inputs = adapted(prepare_sft(tmp_path), {"rank": 4})
    train = config.train.model_copy(update={"learning_rate": 0.1})
    context = make_context(tmp_path / "sft")
    run_sft(config.model_copy(update={"train": train}), inputs, context)
    merged = AutoModelForCausalLM.from_pretrained(context.output)
    base = AutoModelForCausalLM.from_pretrained(inputs.model.path)
    tokens = torch.tensor(tiny_rows(3, 12, 12))
    before = base(tokens).logits
    opened = PeftModel.from_pretrained(base, str(context.output / "adapter"))
    torch.testing.assert_close(merged(tokens).logits, opened(tokens).logits, rtol=0, atol=1e-5)
    assert (merged(tokens).logits - before).abs().max() > 1e-2
    assert not [name for name in merged.state_dict() if "lora" in name]


def test_a_reward_model_learns_by_an_adapter_and_a_new_head(tmp_path: Path):
    config, inputs = adapted(prepare_reward(tmp_path, train={"steps": 60, "learning_rate": 2e-2}), {})
    context = make_context(tmp_path / "reward")
    assert run_reward(config, inputs, context).metrics["accuracy"] > 0.9
    scorer = load_scorer(context.output)
    assert not [name for name in scorer.model.state_dict() if "lora" in name or "modules_to_save" in name]
    fresh = load_classifier(inputs.model.path, "model", seed=context.seed)
    opened = PeftModel.from_pretrained(fresh, str(context.output / "adapter"))
    tokens = torch.tensor([[1, 40, 50, 60, 2]])
    torch.testing.assert_close(scorer.model(tokens).logits, opened(tokens).logits, rtol=0, atol=1e-5)


def test_dropout_acts_although_trls_trainer_of_pairs_takes_it_away(tmp_path: Path):
    weights = []
    for name, lora in (("with", {"dropout": 0.5}), ("without", {})):
        config, inputs = adapted(prepare_reward(tmp_path), lora)
        context = make_context(tmp_path / name)
        run_reward(config, inputs, context)
        weights.append((context.output / "model.safetensors").read_bytes())
    assert weights[0] != weights[1]


def test_a_policy_on_pairs_starts_at_its_reference_and_leaves_it_by_its_adapter(tmp_path: Path):
    config, inputs = adapted(prepare_dpo(tmp_path, train={"steps": 40, "learning_rate": 3e-2}), {})
    context = make_context(tmp_path / "dpo")
    metrics = run_dpo(config, inputs, context).metrics
    course = read_jsonl(context.output / "course.jsonl")
    assert abs(course[0]["kl"]) < 1e-5 and abs(course[-1]["kl"]) > 0.01 and metrics["accuracy"] > 0.9
    opened = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(inputs.model.path), str(context.output / "adapter")
    )
    tokens = torch.tensor(tiny_rows(3, 12, 12))
    merged = AutoModelForCausalLM.from_pretrained(context.output)
    torch.testing.assert_close(merged(tokens).logits, opened(tokens).logits, rtol=0, atol=1e-5)
    assert [path.name for path in (context.output / "adapter").iterdir() if path.is_dir()] == []
