from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from pipeline.artifacts import Preferences
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs, SingleProcess
from pipeline.data.adopting import open_model
from pipeline.stages.preferences.checks import ceiling, check, first_preferred
from pipeline.stages.preferences.config import Config
from pipeline.stages.preferences.stage import run
from tests.unit.stages.tiny import make_context, prompt, read_jsonl, save_tiny_model, write_jsonl

CONFIG = Config(pairs=20, held_out=10, max_new_tokens=8)


@pytest.fixture
def inputs(tmp_path: Any, monkeypatch: Any):
    """A tiny policy, a few prompts, and a judge that counts vowels."""
    module = ModuleType("vowels")
    module.__dict__["score"] = lambda prompts, completions, **columns: [
        sum(letter in "aeiou" for letter in completion[0]["content"]) / 4 for completion in completions
    ]
    monkeypatch.setitem(sys.modules, "vowels", module)
    rows = [prompt(f"Write about the {thing}.", thing=thing) for thing in ("mill", "river", "rye", "village", "miller")]
    return Inputs(
        policy=save_tiny_model(tmp_path / "policy"),
        prompts=write_jsonl(tmp_path / "prompts.jsonl", rows),
        judge=Resolved("vowels:score", "python", "", name="vowels:score"),
    )


def test_rows_are_pairs_that_trl_and_datasets_read(inputs: Any, tmp_path: Any):
    from datasets import load_dataset

    outcome = run(CONFIG, inputs, make_context(tmp_path / "preferences"))
    data: Any = load_dataset(str(tmp_path / "preferences"), cache_dir=str(tmp_path / "cache"))
    assert (len(data["train"]), len(data["validation"])) == (20, 10) == (
        outcome.metrics["pairs"], outcome.metrics["held_out_pairs"],
    )  # fmt: skip
    for row in data["train"]:
        assert row["chosen"] != row["rejected"]
        assert row["chosen"][0]["role"] == row["rejected"][0]["role"] == "assistant"
        assert row["prompt"] == [{"role": "user", "content": f"Write about the {row['thing']}."}]
    things = {split: set(data[split]["thing"]) for split in data}
    assert not things["train"] & things["validation"]


def test_two_processes_make_the_pairs_of_one(inputs: Any, tmp_path: Any, monkeypatch: Any):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    class Rank(SingleProcess):
        world_size = 2
        meeting = Barrier(2, timeout=60)
        said = [None, None]

        def __init__(self, rank: int):
            self.rank, self.is_main = rank, rank == 0

        def gather(self, value: Any):
            self.said[self.rank] = value
            self.meeting.wait()
            both = list(self.said)
            self.meeting.wait()
            return both

    run(CONFIG, inputs, make_context(tmp_path / "one"))
    # Two threads stand for the processes; transformers cannot load in two at once.
    opened = open_model(inputs.policy.path)
    monkeypatch.setattr("pipeline.stages.preferences.stage.open_model", lambda path: opened)
    contexts = [make_context(tmp_path / "two", processes=Rank(rank)) for rank in range(2)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda context: run(CONFIG, inputs, context), contexts))
    assert outcomes[0].metrics == outcomes[1].metrics
    for split in ("train", "validation"):
        assert (tmp_path / "two" / f"{split}.jsonl").read_bytes() == (tmp_path / "one" / f"{split}.jsonl").read_bytes()


def test_scores_agree_with_labels_unless_drawn_otherwise(inputs: Any, tmp_path: Any):
    run(CONFIG.model_copy(update={"sharpness": None}), inputs, make_context(tmp_path / "sure"))
    rows = read_jsonl(tmp_path / "sure" / "train.jsonl")
    assert all(row["chosen_score"] > row["rejected_score"] for row in rows)


def test_checks_pass_on_what_the_stage_makes(inputs: Any, tmp_path: Any):
    context = make_context(tmp_path / "preferences")
    outcome = run(CONFIG, inputs, context)
    artifact = Preferences(context.output)
    artifact.__dict__["manifest"] = {"metrics": dict(outcome.metrics)}
    checks = {one.name: one.verdict for one in check(CONFIG, inputs, artifact, context)}
    assert checks["pairs of one text"] == "pass"
    assert checks["pairs"] == "warn"  # there are only 20


def test_labels_that_are_coin_tosses_fail():
    assert ceiling(0.51, 600).verdict == "fail"
    assert ceiling(0.57, 600).verdict == "warn"
    assert ceiling(0.85, 600).verdict == "pass"


def test_a_favoured_place_is_a_warning():
    assert first_preferred(0.51, 1000).verdict == "pass"
    assert first_preferred(0.7, 1000).verdict == "warn"
