"""A policy of a few words on disk, prompts and rewards for it: the ppo stage as a recipe would run it, in a second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerBase, TokenizersBackend

from pipeline.artifacts import Model, RewardModel
from pipeline.core.artifact import write_json
from pipeline.core.progress import Progress
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs, Runtime, SingleProcess, StageContext
from pipeline.data.chat import CHAT_TEMPLATE, SPECIAL_TOKENS
from pipeline.models.loading import save_model
from pipeline.stages.ppo.config import Config
from tests.learning.ppo_on_worlds import small_llama

WORDS = ["yes", "no", "maybe", "red", "green", "blue", "say", "it", "please", "now"]


def tokenizer(words: Sequence[str] = WORDS) -> PreTrainedTokenizerBase:
    vocabulary = {token: index for index, token in enumerate([*SPECIAL_TOKENS, "<|unknown|>", *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    pad, begin, end, *roles = SPECIAL_TOKENS
    made = TokenizersBackend(
        tokenizer_object=backend, pad_token=pad, bos_token=begin, eos_token=end, extra_special_tokens=roles
    )
    made.chat_template = CHAT_TEMPLATE
    return made


def write_policy(folder: Path, seed: int = 0) -> Model:
    made = tokenizer()
    save_model(small_llama(len(made), seed), made, folder)
    return Model(folder, address="policy")


def write_reward_model(folder: Path, words: Sequence[str] = WORDS) -> RewardModel:
    made = tokenizer(words)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(made), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, num_labels=1, pad_token_id=made.pad_token_id,
    )  # fmt: skip
    save_model(LlamaForSequenceClassification(config), made, folder)
    write_json(folder / "reward.json", {"mean": 0.5, "std": 0.1})
    return RewardModel(folder, address="reward")


def write_prompts(path: Path, rows: int = 6) -> Resolved:
    questions = [{"prompt": f"say {WORDS[3 + row % 3]} {'please ' * (row % 4)}now", "row": row} for row in range(rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in questions), encoding="utf-8")
    return Resolved(str(path), "path", "", path)


def write_text(path: Path) -> Resolved:
    """Five documents of a few words."""
    path.write_text("".join(json.dumps({"text": f"say {word} please"}) + "\n" for word in WORDS[:5]), encoding="utf-8")
    return Resolved(str(path), "path", "", path)


def python_reward(name: str) -> Resolved:
    address = f"{__name__}:{name}"
    return Resolved(address, "python", "", name=address)


def share_of_yes(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """The share of an answer's eight words that are `yes`."""
    return [answer[0]["content"].split().count("yes") / 8 for answer in completions]


def words(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """A tenth of a point for each word."""
    return [len(answer[0]["content"].split()) / 10 for answer in completions]


def one_score_too_few(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    return [0.0] * (len(completions) - 1)


def no_number(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    return [float("nan")] * len(completions)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


calls_left: list[int] = []


def until_killed(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """`share_of_yes` for so many calls as `calls_left` says, then a kill."""
    if calls_left and not calls_left[0]:
        raise Killed
    calls_left[:] = [calls_left[0] - 1] if calls_left else []
    return share_of_yes(prompts, completions)


def settings(**changes: Any) -> Config:
    return Config.model_validate(
        {
            "policy": "policy", "reward": "reward", "prompts": "./prompts.jsonl", "steps": 4, "global_batch_size": 8,
            "learning_rate": 1e-3, "sampling": {"max_new_tokens": 8}, "checkpoint_every": 1,
        } | changes
    )  # fmt: skip


def context(output: Path, seed: int = 17) -> StageContext:
    output.mkdir(parents=True, exist_ok=True)
    return StageContext(
        "ppo", seed, output, Runtime(precision="fp32", threads=1), SingleProcess(), Progress("ppo", quiet=True)
    )


def inputs(policy: Model, reward: Any, prompts: Resolved) -> Inputs:
    return Inputs(policy=policy, reward=reward, prompts=prompts)
