"""One optimizer step is the same however it is cut up, and a saved learner goes on as if it had not stopped."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch.testing import assert_close
from transformers import Trainer, TrainingArguments

from pipeline.core.errors import StageError
from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.stages.pretrain.learner import Learner, next_token_loss
from pipeline.stages.pretrain.packing import PackedBatch
from tests.unit.models.tiny import tiny_decoder, tiny_rows

STEPS = 6


def batches(seed: int, rows: int = 4) -> list[list[np.ndarray]]:
    """Rows of two documents each."""
    documents = list(map(np.asarray, tiny_rows(2 * rows, 5, 12, seed=seed)))
    return [documents[2 * row : 2 * row + 2] for row in range(rows)]


def collated(rows: list[list[np.ndarray]], micro_batch: int) -> list[dict[str, torch.Tensor]]:
    collate = PackedBatch(28, pad_id=0)
    return [collate(rows[first : first + micro_batch]) for first in range(0, len(rows), micro_batch)]


def learner(**changes) -> Learner:
    muon = {"muon_learning_rate": 3e-3} if changes.get("optimizer") == "muon" else {}
    settings = {"learning_rate": 3e-3, "warmup_steps": 2, **muon, **changes}
    return Learner(tiny_decoder(), PretrainTrain(**settings), STEPS, Accelerator(cpu=True))


def taught(student: Learner, first: int, last: int, micro_batch: int = 4) -> list[float]:
    losses = []
    for step in range(first, last):
        parts = collated(batches(step), micro_batch)
        tokens = int(sum((part["labels"] != -100).sum() for part in parts))
        losses.append((student.step(parts, tokens).loss / tokens).item())
    return losses


each_optimizer = pytest.mark.parametrize("optimizer", ["adamw", "muon"])


@each_optimizer
def test_micro_batches_add_up_to_the_whole_batch(optimizer):
    whole, parts = learner(optimizer=optimizer), learner(optimizer=optimizer)
    assert_close(taught(whole, 0, STEPS, 4), taught(parts, 0, STEPS, 1), rtol=1e-4, atol=1e-5)


@each_optimizer
def test_a_loaded_learner_goes_on_to_the_same_bits(optimizer, tmp_path):
    straight, stopped, going_on = (learner(optimizer=optimizer) for _ in range(3))
    taught(straight, 0, STEPS)
    taught(stopped, 0, 3)
    stopped.save(tmp_path)
    going_on.load(tmp_path)
    taught(going_on, 3, STEPS)
    for ours, theirs in zip(going_on.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"hidden_size": 16}, "embed_tokens.weight is [263, 32] there and [263, 16] here"),
     ({"tie_word_embeddings": False}, "lm_head.weight is missing there and [263, 32] here")],
)  # fmt: skip
def test_a_checkpoint_of_another_model_is_named(change, said, tmp_path):
    learner().save(tmp_path)
    other = Learner(tiny_decoder(**change), PretrainTrain(), STEPS, Accelerator(cpu=True))
    with pytest.raises(StageError, match=re.escape(said)):
        other.load(tmp_path)


def test_adamw_takes_the_steps_of_transformers_trainer(tmp_path):
    """The same rows, learning rates, decay and clipping; its warm-up starts at zero, so there is none here."""
    ours = learner(warmup_steps=0, schedule="linear", weight_decay=0.1, max_grad_norm=0.5, adam_beta2=0.95)
    taught(ours, 0, STEPS)
    arguments = TrainingArguments(
        output_dir=str(tmp_path), use_cpu=True, report_to=[], max_steps=STEPS, per_device_train_batch_size=4,
        learning_rate=3e-3, lr_scheduler_type="linear", weight_decay=0.1, max_grad_norm=0.5, adam_beta2=0.95,
        save_strategy="no", disable_tqdm=True, train_sampling_strategy="sequential", remove_unused_columns=False,
    )  # fmt: skip
    rows = [row for step in range(STEPS) for row in batches(step)]
    trainer = Trainer(tiny_decoder().train(), arguments, PackedBatch(28, pad_id=0), train_dataset=rows)
    trainer.train()
    for name, theirs in trainer.model.named_parameters():
        assert_close(dict(ours.model.named_parameters())[name], theirs, rtol=1e-4, atol=1e-5, msg=name)


@each_optimizer
def test_a_learner_learns_rows_by_heart(optimizer):
    student = Learner(
        tiny_decoder(initializer_range=0.02),
        PretrainTrain(optimizer=optimizer, learning_rate=1e-2, warmup_steps=5),
        120,
        Accelerator(cpu=True),
    )
    parts = collated(batches(0), 4)
    tokens = int((parts[0]["labels"] != -100).sum())
    losses = [(student.step(parts, tokens).loss / tokens).item() for _ in range(120)]
    assert losses[0] > 5
    assert losses[-1] < 0.1


def test_z_loss_is_the_square_of_the_log_normaliser():
    logits, labels = torch.randn(1, 3, 5), torch.tensor([[-100, 2, -100]])
    loss, regular = next_token_loss(logits, labels, z_loss=0.5)
    assert_close(loss, -logits[0, 0].log_softmax(-1)[2])
    assert_close(regular, 0.5 * logits[0, 0].logsumexp(-1) ** 2)


def test_compiling_tries_a_step_that_changes_nothing(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda compute, **_: compute)
    tried, plain = learner(optimizer="muon"), learner(optimizer="muon")
    tried.compile(collated(batches(0), 4)[0])
    assert taught(tried, 0, 2) == taught(plain, 0, 2)


def test_what_cannot_be_compiled_is_left_as_it_was(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(torch, "compile", lambda compute, **_: fails)
    tried, plain = learner(), learner()
    with pytest.raises(RuntimeError, match="no kernel"):
        tried.compile(collated(batches(0), 4)[0])
    assert taught(tried, 0, 2) == taught(plain, 0, 2)
