from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.core.artifact import Artifact, write_json
from pipeline.core.stage import Inputs
from pipeline.models.loading import load_model, load_tokenizer
from pipeline.stages.sft.checks import check
from pipeline.stages.sft.config import Config
from pipeline.stages.sft.stage import run
from pipeline.training.choices import choose
from pipeline.training.config import TrainConfig
from pipeline.training.memory import shape_of
from pipeline.training.order import EpochOrder
from pipeline.training.run import train
from pipeline.training.supervised import mean_loss, packed_rows, supervised_trainer, token_rows
from tests.unit.models.tiny import tiny_rows
from tests.unit.stages.tiny import make_context, read_jsonl, save_tiny_model, write_jsonl
from tests.unit.training.killing import assert_resumes_exactly

ROWS = [{"prompt": f"Write about the {name}", "completion": f"The {name}."} for name in ("mill", "river", "rye")] * 12


@pytest.fixture
def inputs(tmp_path):
    model = save_tiny_model(tmp_path / "base")
    return Inputs(model=model, data=write_jsonl(tmp_path / "chat.jsonl", ROWS), validation=0.1)


def settings(**changes):
    train = {"steps": 8, "global_batch_size": 4, "log_every": 2, "checkpoint_every": 4, **changes.pop("train", {})}
    return Config.model_validate({"train": train, "sampled_answers": 4, "max_new_tokens": 8, **changes})


def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(tmp_path, inputs):
    assert_resumes_exactly(lambda context: run(settings(), inputs, context), tmp_path, kill_at=7, kept=4)


def test_a_kill_before_the_first_checkpoint_starts_anew(tmp_path, inputs):
    config = settings(train={"checkpoint_every": 2})
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=3, kept=2)


def test_the_model_the_figures_and_the_answers_are_written(tmp_path, inputs):
    context = make_context(tmp_path / "sft")
    outcome = run(settings(), inputs, context)
    assert load_model(context.output).config.use_cache
    assert outcome.metrics["loss_tokens"] > 0 and outcome.metrics["held_out_rows"] == 4
    assert set(read_jsonl(context.output / "samples.jsonl")[0]) == {"prompt", "answer", "ended"}
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    names = [found.name for found in check(settings(), inputs, Artifact(context.output), context)]
    assert names == [
        "tokens that bear loss", "answers whose end token bears loss",
        "answers trained after the prompt they are asked with", "loss fell", "answers that end", "distinct answers",
        "nats that a prompt tells of its answer",
    ]  # fmt: skip


def test_packed_rows_are_learned_from_and_resumed(tmp_path, inputs):
    config = settings(packing=True, train={"global_batch_size": 2, "steps": 6, "checkpoint_every": 2})
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=5, kept=4)


def tuned(folder, rows, labels, batch_size, pack=False, micro_batch="auto"):
    """The weights after one step on all rows at once."""
    import dataclasses

    base = save_tiny_model(folder / "base").path
    model, tokenizer = load_model(base, dtype=torch.float32), load_tokenizer(base)
    context = make_context(folder / "out")
    runtime = context.runtime.model_copy(update={"micro_batch": micro_batch})
    context = dataclasses.replace(context, runtime=runtime)
    config = TrainConfig(steps=1, global_batch_size=batch_size, learning_rate=1e-2, warmup_steps=0, log_every=1)
    data = token_rows(rows, labels)
    data = packed_rows(data, 64) if pack else data
    choices = choose(context, shape_of(model, 64), batch_size)
    trainer = supervised_trainer(model, tokenizer, data, config, 1, choices, context)
    order = EpochOrder(len(data), batch_size, 1, seed=0)
    train(trainer, config, order, choices, lambda step: 0, context)
    return torch.cat([parameter.flatten() for parameter in model.parameters()])


def test_packing_padding_and_micro_batches_teach_the_same(tmp_path):
    """One step on the same conversations: in padded rows, in accumulated micro-batches, and packed."""
    rows = tiny_rows(8, 6, 20)
    labels = [[-100] * 3 + row[3:] for row in rows]
    padded = tuned(tmp_path / "a", rows, labels, 8)
    accumulated = tuned(tmp_path / "b", rows, labels, 8, micro_batch=2)
    packed_count = len(packed_rows(token_rows(rows, labels), 64))
    packed = tuned(tmp_path / "c", rows, labels, packed_count, pack=True)
    torch.testing.assert_close(padded, accumulated, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(padded, packed, rtol=1e-4, atol=1e-4)


def test_the_mean_loss_is_over_tokens_not_rows(tmp_path):
    model = load_model(save_tiny_model(tmp_path / "base").path)
    rows = tiny_rows(5, 4, 20)
    labels = [[-100, *row[1:]] for row in rows]
    totals = [
        float(model(input_ids=torch.tensor([row]), labels=torch.tensor([row])).loss) * (len(row) - 1) for row in rows
    ]
    expected = sum(totals) / sum(len(row) - 1 for row in rows)
    assert mean_loss(model, rows, labels, batch_size=2) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(expected)
