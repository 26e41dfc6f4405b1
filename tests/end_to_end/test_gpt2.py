"""GPT-2 from a folder, through the whole alignment: it has no chat template, no padding, one special token, and Conv1D
layers, whose weights lie the other way round.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from pipeline import Recipe
from tests.unit.data.foreign import save_foreign, tokenizer_of

pytestmark = pytest.mark.slow

RECIPE = """
recipe: 1
name: gpt2
runtime: {precision: fp32, threads: 1}
stages:
  sft:
    model: ./base
    adopt: {template: chatml}
    data: ./chat.jsonl
    sampled_answers: 4
    max_new_tokens: 8
    checks: warn
    train: {steps: 4, global_batch_size: 4, learning_rate: 1e-3}
  preferences:
    policy: sft
    prompts: ./prompts.jsonl
    judge: "tests.end_to_end.judges:length"
    pairs: 24
    held_out: 6
    max_new_tokens: 8
    checks: warn
  reward:
    model: ./other
    adopt: {template: chatml}
    preferences: preferences
    checks: warn
    train: {steps: 2, global_batch_size: 4, learning_rate: 1e-3}
  dpo:
    model: sft
    preferences: preferences
    course: {num_prompts: 4, max_new_tokens: 8, points: 1}
    lora: {targets: all-linear}
    checks: warn
    train: {steps: 3, global_batch_size: 4, learning_rate: 5e-2}
  ppo:
    policy: sft
    reward: reward
    prompts: ./prompts.jsonl
    steps: 2
    global_batch_size: 8
    learning_rate: 2e-2
    course: null
    sampling: {max_new_tokens: 8}
    lora: {}
    checks: warn
"""
WORDS = ["mill", "rye", "river", "town", "hill", "lamp"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("gpt2")
    save_foreign(folder / "base", tokenizer_of(["<|endoftext|>"], "<|endoftext|>"), "gpt2")
    save_foreign(folder / "other", tokenizer_of(["<s>", "</s>"], "</s>", pad="</s>"), "llama", seed=1)
    prompts = [{"prompt": [{"role": "user", "content": f"{word} {number}"}]} for number in range(8) for word in WORDS]
    chat = [{"messages": [*row["prompt"], {"role": "assistant", "content": "yes"}]} for row in prompts]
    for name, rows in (("chat", chat), ("prompts", prompts)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "gpt2.yaml").write_text(RECIPE)
    return Recipe.load(folder / "gpt2.yaml").run(runs=folder, say=lambda line: None)


def test_what_it_lacks_is_added_once_and_goes_with_it(run: Any):
    added = "token <|im_end|> added; token <|im_start|> added"
    assert run["sft"].metrics["adopted"].startswith("chat template chatml") and added in run["sft"].metrics["adopted"]
    for stage in ("sft", "dpo", "ppo"):
        tokenizer = AutoTokenizer.from_pretrained(run[stage].path)
        assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")
        model = AutoModelForCausalLM.from_pretrained(run[stage].path)
        assert type(model).__name__ == "GPT2LMHeadModel" and model.config.vocab_size == len(tokenizer) == 259
    scorer = AutoModelForSequenceClassification.from_pretrained(run["reward"].path)
    assert type(scorer).__name__ == "LlamaForSequenceClassification"


@pytest.mark.parametrize("stage", ["dpo", "ppo"])
def test_merged_it_gives_the_adapters_logits(run: Any, stage: str):
    folder: Path = run[stage].path
    assert json.loads((folder / "adapter/adapter_config.json").read_text())["fan_in_fan_out"] is True
    tokens = torch.tensor([[5, 9, 40, 41, 17, 258]])
    base = AutoModelForCausalLM.from_pretrained(run["sft"].path)
    before = base(tokens).logits
    merged = AutoModelForCausalLM.from_pretrained(folder)(tokens).logits
    adapted = PeftModel.from_pretrained(base, str(folder / "adapter")).eval()(tokens).logits
    torch.testing.assert_close(merged, adapted, rtol=0, atol=1e-5)
    assert (merged - before).abs().max() > 1e-3


def test_policy_and_reference_are_one_at_first(run: Any):
    first = json.loads((run["ppo"].path / "metrics.jsonl").read_text().splitlines()[0])
    assert first["kl"] == 0.0
