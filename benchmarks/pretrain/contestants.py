"""Three trainings of 0.8 M parameters on characters: nanoGPT's, transformers' Trainer with a Llama, and ours.

Each is its own loop, as its users run it; what they share is the text, the judge and the clock. The judge reads the
held-out part in windows of 64 that do not overlap.
"""

from __future__ import annotations

import importlib
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.pretrain.clock import Clock
from benchmarks.pretrain.text import Characters, windows_of

CONTEXT, LAYERS, HEADS, WIDTH, BATCH = 64, 4, 4, 128, 12
RECIPE = Path("recipes/shakespeare-cpu.yaml")
"""Ours: the pretrain stage of this recipe, as it ships but for its steps."""
NANOGPT_STEPS = 2000
OUR_STEPS = 165
TRAINER_STEPS, TRAINER_LEARNING_RATE = 620, 2e-3
"""The cheapest found to reach nanoGPT's loss on the held-back slice, by `python -m benchmarks.pretrain.tuning`."""


def judged(logits_of: Callable[[Tensor], Tensor], text: Characters) -> float:
    """Nats per character of the judge's part."""
    inputs, targets = windows_of(text.judge, CONTEXT)
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(inputs), 200):
            logits = logits_of(torch.from_numpy(inputs[first : first + 200]))
            expected = torch.from_numpy(targets[first : first + 200])
            total += cross_entropy(logits.flatten(0, 1), expected.flatten(), reduction="sum").item()
    return total / targets.size


def nanogpt(text: Characters, seed: int, clock: Clock, folder: str, **changes: Any) -> None:
    """nanoGPT's model and optimizer, by its README's quick start on a CPU (`train.py`, without its logging)."""
    sys.path.insert(0, folder)
    theirs = importlib.import_module("model")
    steps, compiled = changes.get("steps", NANOGPT_STEPS), changes.get("compile", False)
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    shape = theirs.GPTConfig(
        n_layer=LAYERS, n_head=HEADS, n_embd=WIDTH, block_size=CONTEXT, bias=False, vocab_size=text.count, dropout=0.0
    )
    model = theirs.GPT(shape)
    optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")
    data = torch.from_numpy(text.train)
    clock.start()
    network = torch.compile(model) if compiled else model
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _cosine(step, steps, 1e-3)
        places = generator.integers(0, len(data) - CONTEXT, BATCH)
        inputs = torch.stack([data[place : place + CONTEXT] for place in places])
        targets = torch.stack([data[place + 1 : place + 1 + CONTEXT] for place in places])
        network(inputs, targets)[1].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        clock.step(step + 1 == steps, lambda: judged(lambda tokens: model.eval()(tokens, tokens)[0], text))


def _cosine(step: int, steps: int, highest: float, warmup: int = 100) -> float:
    if step < warmup:
        return highest * (step + 1) / (warmup + 1)
    share = (step - warmup) / (steps - warmup)
    return highest / 10 + 0.5 * (1 + math.cos(math.pi * share)) * (highest - highest / 10)


def trainer(text: Characters, seed: int, clock: Clock, **changes: Any) -> None:
    """transformers' Trainer with a Llama of the same size."""
    from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments, set_seed

    steps = changes.get("steps", TRAINER_STEPS)
    set_seed(seed)
    shape = LlamaConfig(
        vocab_size=text.count, hidden_size=WIDTH, intermediate_size=344, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(shape)

    class Windows(torch.utils.data.Dataset):
        """A window anywhere in the text; its labels, which the model shifts by one."""

        def __len__(self) -> int:
            return len(text.train) - CONTEXT

        def __getitem__(self, place: int) -> dict[str, Tensor]:
            window = torch.from_numpy(text.train[place : place + CONTEXT + 1])
            return {"input_ids": window, "labels": window}

    class Turns(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock.start()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            clock.step(state.global_step == steps, lambda: judged(lambda tokens: model.eval()(tokens).logits, text))

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, max_steps=steps, per_device_train_batch_size=BATCH, seed=seed, use_cpu=True, report_to=[],
            learning_rate=changes.get("learning_rate", TRAINER_LEARNING_RATE), lr_scheduler_type="cosine",
            warmup_steps=min(100, steps // 5), weight_decay=0.1, adam_beta2=0.99, save_strategy="no", disable_tqdm=True,
            logging_steps=500,
        )  # fmt: skip
        Trainer(model, arguments, train_dataset=Windows(), callbacks=[Turns()]).train()


def ours(text: Characters, seed: int, clock: Clock, **changes: Any) -> None:
    """The pretrain stage of the shipped recipe in fewer steps: its arrangement of rows, its learner."""
    from accelerate import Accelerator

    from pipeline import Recipe
    from pipeline.models.decoder import DecoderConfig
    from pipeline.models.loading import new_model
    from pipeline.stages.pretrain.arrangement import ARRANGEMENTS, arranged
    from pipeline.stages.pretrain.estimate import padded_vocabulary
    from pipeline.stages.pretrain.learner import Learner
    from pipeline.stages.pretrain.packing import PackedRows
    from pipeline.stages.pretrain.token_store import TokenStore

    settings = {"train.steps": OUR_STEPS, **changes}
    compiled = settings.pop("compile", True)
    overrides = [f"corpus.sources=[{{data: {text.file.absolute()}}}]"]
    overrides += [f"pretrain.{name}={value}" for name, value in settings.items()]
    config = Recipe.load(RECIPE, set=overrides).loaded.stages["pretrain"].config
    store = TokenStore(text.train.astype(np.uint16), np.array([0, len(text.train)]))
    packing, plan = arranged(config, store, seed)
    rows, collate = PackedRows(store, packing), ARRANGEMENTS[config.train.packing].collate(CONTEXT, 0)
    shape = config.decoder.model_dump(exclude={"depth", "rope_theta", "partial_rotary_factor", "rope_scaling"})
    model = new_model(DecoderConfig(vocab_size=padded_vocabulary(text.count + len(_MARKS)), **shape), seed)
    learner = Learner(model, config.train, plan.steps, Accelerator(cpu=True))
    clock.start()
    if compiled:
        learner.compile(collate([rows[row] for row in plan.order[0].tolist()]))
    for step in range(plan.steps):
        batch = plan.order[step]
        learner.step([collate([rows[row] for row in batch.tolist()])], rows.loss_tokens(batch))
        clock.step(step + 1 == plan.steps, lambda: judged(lambda tokens: model.eval()(tokens).logits, text))


_MARKS = ("pad", "begin", "end", "system", "user", "assistant")
"""As many special tokens as the recipe's tokenizer has; the vocabulary is rounded up anyway."""

CONTESTANTS: dict[str, Callable[..., None]] = {"nanogpt": nanogpt, "trainer": trainer, "ours": ours}
