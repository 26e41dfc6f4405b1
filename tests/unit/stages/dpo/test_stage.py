from __future__ import annotations

import math

import pytest

from pipeline.core.artifact import Artifact, write_json
from pipeline.core.errors import DataError
from pipeline.core.stage import Inputs
from pipeline.stages.dpo.checks import check
from pipeline.stages.dpo.config import Config
from pipeline.stages.dpo.stage import run
from tests.unit.stages.tiny import make_context, prompt, read_jsonl, save_tiny_model, write_jsonl
from tests.unit.training.killing import assert_resumes_exactly

COURSE = {"num_prompts": 4, "max_new_tokens": 6, "points": 2}


def pair(number, good="rye", bad="village"):
    """`rye` is preferred to `village`, whatever stands around it."""
    texts = {"chosen": f"the {good} of {number % 7}", "rejected": f"the {bad} of {number % 7}"}
    sides = {side: [{"role": "assistant", "content": text}] for side, text in texts.items()}
    return {**prompt(f"Write {number % 5}"), **sides, "chosen_score": 1.0, "rejected_score": 0.0}


def prepare(folder, rows=None, prompts=None, **changes):
    source = write_jsonl(folder / "pairs.jsonl", rows or [pair(number) for number in range(80)])
    train = {"steps": 10, "global_batch_size": 4, "log_every": 2, "checkpoint_every": 4, "learning_rate": 1e-3}
    train |= changes.pop("train", {})
    config = Config.model_validate({"train": train, "course": COURSE, **changes})
    model = save_tiny_model(folder / "base")
    return config, Inputs(model=model, preferences=source, validation=0.2, course=Inputs(prompts=prompts))


def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(tmp_path):
    config, inputs = prepare(tmp_path)
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=7, kept=4)
    courses = [read_jsonl(tmp_path / name / "course.jsonl") for name in ("whole", "killed")]
    assert courses[0] == courses[1] and [row["step"] for row in courses[0]] == [0, 5, 10]


def test_it_starts_at_its_reference_and_learns_which_word_is_preferred(tmp_path):
    config, inputs = prepare(tmp_path, train={"steps": 60, "learning_rate": 3e-3})
    context = make_context(tmp_path / "dpo")
    outcome = run(config, inputs, context)
    start, *_, end = read_jsonl(context.output / "course.jsonl")
    assert start["kl"] == pytest.approx(0, abs=1e-5) and end["kl"] == outcome.metrics["kl"] > 0
    # Equal log-probabilities by trl's way and by ours, else the first loss were another.
    assert read_jsonl(context.output / "metrics.jsonl")[0]["loss"] == pytest.approx(math.log(2), abs=0.03)
    assert outcome.metrics["accuracy"] > 0.9 and outcome.metrics["ceiling"] == 1.0
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    verdicts = {found.name: found.verdict for found in check(config, inputs, Artifact(context.output), context)}
    assert verdicts["held-out accuracy"] == verdicts["loss fell"] == "pass"


@pytest.mark.parametrize("beta", [0.5, pytest.param(2.0, marks=pytest.mark.slow)])
def test_it_reaches_the_known_optimum(tmp_path, beta):
    """Of pairs whose labels say A three times in four, the optimum's log-odds of A over B are log 3 / beta above the
    reference's (https://arxiv.org/abs/2305.18290, eq. 5, with the Bradley-Terry model's own probability)."""
    rows = [pair(0)] * 12 + [pair(0, "village", "rye")] * 4
    train = {"steps": 150, "global_batch_size": 16, "learning_rate": 2e-2 / beta, "log_every": 150}
    config, inputs = prepare(tmp_path, rows, beta=beta, train=train)
    inputs.validation = write_jsonl(tmp_path / "held_out.jsonl", [pair(0)])
    outcome = run(config, inputs, make_context(tmp_path / "dpo"))
    assert outcome.metrics["margin"] == pytest.approx(math.log(3), rel=0.05)


def test_the_course_is_on_the_prompts_it_is_given(tmp_path):
    prompts = write_jsonl(tmp_path / "prompts.jsonl", [prompt(f"Tell {number}") for number in range(9)])
    config, inputs = prepare(tmp_path, prompts=prompts)
    context = make_context(tmp_path / "dpo")
    run(config, inputs, context)
    asked = [row["prompt"][0]["content"] for row in read_jsonl(context.output / "samples.jsonl")]
    assert asked == ["Tell 0", "Tell 2", "Tell 4", "Tell 6"]


def test_a_pair_longer_than_the_context_is_refused_with_its_place(tmp_path):
    long = pair(0) | {"rejected": [{"role": "assistant", "content": "x" * 200}]}
    config, inputs = prepare(tmp_path, [pair(1), long] * 20)
    with pytest.raises(DataError, match=r"pairs\.jsonl:\d*[02468]: rejected: \d+ tokens"):
        run(config, inputs, make_context(tmp_path / "dpo"))


def test_a_prompt_of_the_course_that_leaves_no_room_is_refused(tmp_path):
    config, inputs = prepare(tmp_path, prompts=write_jsonl(tmp_path / "prompts.jsonl", [prompt("x" * 100)]))
    with pytest.raises(DataError, match=r"prompts\.jsonl:1: \d+ tokens and an answer of up to 6"):
        run(config, inputs, make_context(tmp_path / "dpo"))
