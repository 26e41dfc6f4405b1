from __future__ import annotations

import pytest

from pipeline.stages.evaluate.checks import beats_guessing, ended, floor, quality, wins


def figure(value, error=0.02, model="ppo", metric="format"):
    return {"model": model, "metric": metric, "value": value, "standard_error": error, "n": 250}


def win(rate):
    return {"model": "ppo", "against": "sft", "judge": "j", "win_rate": rate, "standard_error": 0.03, "n": 250}


@pytest.mark.parametrize(("rate", "verdict"), [(0.7, "pass"), (0.5, "warn"), (0.4, "fail")])
def test_a_model_that_loses_beyond_luck_fails(rate, verdict):
    assert wins(win(rate)).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "pass"), (0.82, "pass"), (0.7, "warn"), (0.1, "fail")])
def test_a_quality_may_fall_within_its_error_and_not_to_nothing(value, verdict):
    assert quality(figure(value), figure(0.9, model="sft")).verdict == verdict


def test_a_model_that_ends_far_less_often_is_another_model():
    assert ended(figure(0.3), before=0.98).verdict == "fail"
    assert ended(figure(0.3)).verdict == "warn"
    assert ended(figure(0.88)).verdict == "pass"


def test_guessing_is_no_model():
    assert [beats_guessing("m", perplexity, 448).verdict for perplexity in (20.0, 440.0, 600.0)] == [
        "pass",
        "fail",
        "fail",
    ]


def test_choosing_documents_lowers_the_floor():
    assert floor(figure(-0.01, 0.001)).verdict == "fail"
    assert floor(figure(-0.01, 0.001), selection=0.01).verdict == "pass"
