from __future__ import annotations

import pytest

from pipeline.data.trial_checks import answer_checks, lesson_checks

SOUND = {
    "loss_tokens": 1000, "sampled_answers": 100, "ended_share": 0.97, "distinct_share": 0.95, "ends_taught": 1.0,
    "prompts_continued": 1.0, "data_short_enough": 1.0, "data_distinct": 1.0, "prompt_gain": 3.0,
    "prompt_gain_error": 0.3, "prompt_gain_rows": 100, "opener_and_lines_share": 0.96, "format_share": 0.85,
}  # fmt: skip


def verdicts(prefix="", **changes):
    figures = {f"{prefix}{name}": value for name, value in {**SOUND, **changes}.items()} | {"loss_tokens": 1000}
    return {check.name: check.verdict for check in [*lesson_checks(figures, prefix), *answer_checks(figures, prefix)]}


def test_sound_figures_pass():
    assert set(verdicts().values()) == {"pass"} and len(verdicts()) == 8


@pytest.mark.parametrize(
    ("name", "changes", "verdict"),
    [
        ("answers whose end token bears loss", {"ends_taught": 0.0}, "fail"),
        ("answers trained after the prompt they are asked with", {"prompts_continued": 0.9}, "warn"),
        ("answers that end", {"ended_share": 0.92}, "pass"),  # within the error of 100 answers
        ("answers that end", {"ended_share": 0.92, "sampled_answers": 1000}, "warn"),
        ("answers that end", {"ended_share": 0.3}, "fail"),
        ("answers that end", {"ended_share": 0.3, "data_short_enough": 0.3}, "pass"),
        ("answers that end", {"ended_share": 0.0, "data_short_enough": 0.0}, "warn"),
        ("distinct answers", {"distinct_share": 0.05}, "fail"),
        ("distinct answers", {"distinct_share": 0.1, "data_distinct": 0.1}, "pass"),
        ("nats that a prompt tells of its answer", {"prompt_gain": 0.8}, "fail"),
        ("nats that a prompt tells of its answer", {"prompt_gain": 0.8, "prompt_gain_rows": 8}, "warn"),
        ("opener_and_lines", {"opener_and_lines_share": 0.5}, "warn"),
        ("format", {"format_share": 0.1}, "fail"),
    ],
)
def test_each_fault_is_told_by_its_own_check(name, changes, verdict):
    found = verdicts(**changes)
    assert found.pop(name) == verdict
    assert set(found.values()) == {"pass"}


def test_the_figures_of_a_source_are_named_after_it():
    assert verdicts("valley_tasks_", ended_share=0.1)["valley_tasks: answers that end"] == "fail"


def test_no_token_that_bears_loss_fails():
    (bearing,) = lesson_checks({"loss_tokens": 0})
    assert (bearing.name, bearing.verdict) == ("tokens that bear loss", "fail")
