from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.core.artifact import Artifact, write_json
from pipeline.core.errors import DataError
from pipeline.core.stage import Inputs
from pipeline.data.pair_figures import calibration, correlation, pair_figures
from pipeline.models.scoring import load_scorer
from pipeline.stages.reward.checks import check
from pipeline.stages.reward.config import Config
from pipeline.stages.reward.stage import run
from tests.unit.stages.tiny import make_context, prompt, save_tiny_model, write_jsonl
from tests.unit.training.killing import assert_resumes_exactly


def pair(number):
    """`rye` is preferred to `village`, whatever stands around it."""
    good, bad = (f"the {word} of {number % 7}" for word in ("rye", "village"))
    sides = {side: [{"role": "assistant", "content": text}] for side, text in (("chosen", good), ("rejected", bad))}
    return {**prompt(f"Write {number % 5}"), **sides, "chosen_score": 1.0, "rejected_score": 0.0}


def prepare(folder, **changes):
    source = write_jsonl(folder / "pairs.jsonl", [pair(number) for number in range(80)])
    train = {"steps": 10, "global_batch_size": 4, "log_every": 2, "checkpoint_every": 4, **changes.pop("train", {})}
    config = Config.model_validate({"train": train, "standardisation_pairs": 32, **changes})
    return config, Inputs(model=save_tiny_model(folder / "base"), preferences=source, validation=0.2)


@pytest.mark.parametrize("start", ["fresh", "model"])
def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(tmp_path, start):
    config, inputs = prepare(tmp_path, start=start)
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=7, kept=4)


def test_it_learns_which_word_is_preferred_and_says_so(tmp_path):
    config, inputs = prepare(tmp_path, train={"steps": 60, "learning_rate": 1e-2})
    context = make_context(tmp_path / "reward")
    outcome = run(config, inputs, context)
    assert outcome.metrics["accuracy"] > 0.9 and outcome.metrics["ceiling"] == 1.0
    assert json.loads((context.output / "reward.json").read_text()).keys() == {"mean", "std"}
    scores = load_scorer(context.output).score([prompt("Write 1")["prompt"]] * 2, ["the rye of 3", "the village of 3"])
    assert scores[0] > scores[1]
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    verdicts = {found.name: found.verdict for found in check(config, inputs, Artifact(context.output), context)}
    assert verdicts["held-out accuracy"] == verdicts["score spread"] == "pass"


def test_a_pair_longer_than_the_context_is_refused_with_its_place(tmp_path):
    config, inputs = prepare(tmp_path)
    long = pair(0) | {"rejected": [{"role": "assistant", "content": "x" * 200}]}
    inputs.preferences = write_jsonl(tmp_path / "long.jsonl", [pair(1), long] * 20)
    with pytest.raises(DataError, match=r"long\.jsonl:\d*[02468]: rejected: \d+ tokens"):
        run(config, inputs, make_context(tmp_path / "reward"))


def test_figures_of_known_scores():
    rows = [{"chosen_score": 2.0, "rejected_score": 1.0}, {"chosen_score": 0.0, "rejected_score": 1.0}]
    figures = pair_figures([1.0, 0.0], [0.0, 1.0], rows, [5, 5, 5, 5])
    assert (figures["accuracy"], figures["ceiling"]) == (0.5, 0.5)
    assert figures["length_correlation"] == 0.0 and figures["truth_correlation"] > 0.7


def test_a_constant_has_no_correlation():
    assert correlation([1.0, 1.0], [1.0, 2.0]) == 0.0


def test_a_model_that_is_as_sure_as_it_is_right_is_calibrated_and_a_boaster_is_not():
    draw = np.random.default_rng(0)
    log_odds = np.abs(draw.normal(0, 2, 4000))
    labels = np.where(draw.random(4000) < 1 / (1 + np.exp(-log_odds)), 1, -1)
    honest, boaster = calibration(log_odds * labels), calibration(10 * log_odds * labels)
    assert honest["calibration_error"] < 0.02
    assert boaster["calibration_error"] > 0.1
    assert sum(part["n"] for part in honest["calibration"]) == 4000
    assert [part["predicted"] for part in honest["calibration"]] == sorted(
        part["predicted"] for part in honest["calibration"]
    )


def test_few_pairs_make_few_bins():
    assert [part["n"] for part in calibration([0.0] * 45)["calibration"]] == [23, 22]
    assert calibration([0.0])["calibration"][0]["agreed"] == 0.5
