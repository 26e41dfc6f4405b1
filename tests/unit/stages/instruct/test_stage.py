from __future__ import annotations

from pipeline.core.artifact import Artifact, write_json
from pipeline.core.stage import Inputs
from pipeline.stages.instruct.checks import check
from pipeline.stages.instruct.config import Config
from pipeline.stages.instruct.stage import run
from tests.unit.stages.sft.test_stage import ROWS
from tests.unit.stages.tiny import make_context, save_tiny_model, write_jsonl
from tests.unit.training.killing import assert_resumes_exactly

CHAT = [{"messages": [
    {"role": "user", "content": f"Write about the {name}"}, {"role": "assistant", "content": "The mill."},
    {"role": "user", "content": "and the river"}, {"role": "assistant", "content": "The river."},
]} for name in ("mill", "rye")] * 5  # fmt: skip


def prepare(folder):
    one, two = write_jsonl(folder / "one.jsonl", ROWS), write_jsonl(folder / "two-chat.jsonl", CHAT)
    config = Config.model_validate({
        "mixture": [{"data": str(one.path), "weight": 3}, {"data": str(two.path)}],
        "train": {"steps": 8, "global_batch_size": 4, "log_every": 2, "checkpoint_every": 4},
        "sampled_answers": 2,
        "max_new_tokens": 8,
    })  # fmt: skip
    mixture = (Inputs(data=one, weight=3.0), Inputs(data=two, weight=1.0))
    return config, Inputs(model=save_tiny_model(folder / "base"), mixture=mixture, validation=0.1)


def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(tmp_path):
    config, inputs = prepare(tmp_path)
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=7, kept=4)


def test_each_source_has_its_figures_and_checks(tmp_path):
    config, inputs = prepare(tmp_path)
    context = make_context(tmp_path / "instruct")
    outcome = run(config, inputs, context)
    assert {"one_validation_loss", "two_chat_validation_loss", "one_ended_share"} <= set(outcome.metrics)
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    names = {found.name for found in check(config, inputs, Artifact(context.output), context)}
    assert {"one: answers that end", "two_chat: answers that end"} <= names
