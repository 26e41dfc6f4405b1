"""Each fault is named with its cause, once, and a sound training is not disturbed."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.stages.ppo.watching import Watch

SOUND = {
    "score": 1.0, "score_error": 0.05, "kl": 5.0, "response_length": 20.0, "ended": 0.9, "explained_variance": 0.4,
    "score_per_token": 0.0, "distinct": 0.95,
}  # fmt: skip


def training(updates: int = 40, **last: Any) -> list[dict[str, Any]]:
    """A sound training whose figures go in a line to those of `last`; what is constant is given as a tuple."""
    constant = {name: value[0] for name, value in last.items() if isinstance(value, tuple)}
    moving = {name: value for name, value in last.items() if name not in constant}
    start = SOUND | constant
    return [
        start | {name: start[name] + (value - start[name]) * update / (updates - 1) for name, value in moving.items()}
        for update in range(updates)
    ]


def said(rows: list[dict[str, Any]]) -> list[str]:
    watch = Watch()
    return [text for row in rows for text in watch.look(row)]


@pytest.mark.parametrize(
    "rows",
    [
        training(score=4.0),
        training(score=4.0, response_length=30.0),  # longer, but no answer is paid for its length
        training(kl=24.0),
        training(kl=60.0, response_length=(300.0,)),
        training(ended=0.02),
        training(updates=19, explained_variance=(-0.5,)),  # a critic that has just begun
        training(explained_variance=(0.0,), score_error=(0.0,)),  # nothing to explain
        training(distinct=0.7),
    ],
)
def test_nothing_is_said_of_a_sound_training(rows):
    assert said(rows) == []


@pytest.mark.parametrize(
    ("rows", "names", "way_on"),
    [
        (training(kl=80.0), "KL runs away: 26 nats an answer", "raise kl_coefficient"),
        (training(ended=(0.0,)), "no answer of the last 3 updates ended", "raise sampling.max_new_tokens"),
        (training(explained_variance=(-0.05,)), "the critic explains nothing: -5%", "critic_learning_rate"),
        (
            training(score=4.0, response_length=50.0, score_per_token=(0.1,)),
            "rises mostly with length",
            "counts tokens",
        ),
        (
            training(score=4.0, response_length=8.0, score_per_token=(-0.25,)),
            "rises mostly with length",
            "counts tokens",
        ),
        (training(distinct=0.1), "the answers repeat one another", "raise kl_coefficient"),
    ],
)
def test_a_fault_is_named_once_with_its_cause_and_a_way_on(rows, names, way_on):
    (text,) = said(rows)
    assert names in text and way_on in text


def test_what_was_said_before_a_stop_is_not_said_again():
    rows = training(kl=80.0)
    watch = Watch(rows[:30])
    assert [text for row in rows[30:] for text in watch.look(row)] == []
