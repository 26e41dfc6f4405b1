from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import RunError
from pipeline.report.policies import levels, score_at
from pipeline.report.writing import plain_view, write_report
from tests.unit.report.folder import make_stage, record_run, write_rows

COURSE = {"prompts": {"input": "builtin:valley-prompts:1", "split": "test"}, "num_prompts": 250}


def course(slope: float, kls: tuple[float, ...] = (0.0, 1.0, 2.5, 4.0)) -> list[dict[str, float]]:
    return [
        {"step": step, "kl": kl, "kl_error": 0.0, "true_score": slope * kl - 0.5, "true_score_error": 0.03}
        for step, kl in enumerate(kls)
    ]


def policy(run: Path, kind: str, slope: float, reference: str = "abc", **changes: Any) -> Path:
    name = "policy" if kind == "ppo" else "model"
    settings = {name: {"input": reference}, "course": COURSE, "beta": 0.1} | changes
    folder = make_stage(run, kind, identity={"settings": settings})
    write_rows(folder / "course.jsonl", course(slope))
    return folder


def two_runs(tmp_path: Path, **changes: Any) -> tuple[Path, Path]:
    policy(tmp_path / "tiny-dpo", "dpo", 0.5)
    policy(tmp_path / "tiny", "ppo", 0.75, **changes)
    return record_run(tmp_path / "tiny-dpo", ["dpo"]), record_run(tmp_path / "tiny", ["ppo"])


def test_two_runs_are_compared_at_equal_distance(tmp_path: Path):
    run, other = two_runs(tmp_path)
    (shown,) = plain_view(run, [other])["policies"]
    assert list(shown["table"]["head"]) == ["KL, nats per answer", "dpo", "tiny: ppo", "tiny: ppo less dpo"]
    assert [row[0] for row in shown["table"]["rows"]] == ["1", "2", "3", "4"]
    assert shown["table"]["rows"][1] == ("2", "0.500 ± 0.030", "1.000 ± 0.030", "0.500 ± 0.042")
    page = write_report(run, tmp_path / "page.html", [other]).read_text()
    assert 'id="policies"' in page and "True score at equal KL" in page


def test_policies_of_one_run_are_compared_without_being_asked(tmp_path: Path):
    for kind, slope in (("ppo", 1.0), ("dpo", 2.0)):
        policy(tmp_path / "both", kind, slope)
    (shown,) = plain_view(record_run(tmp_path / "both", ["ppo", "dpo"]))["policies"]
    assert list(shown["table"]["head"][1:3]) == ["ppo", "dpo"]


@pytest.mark.parametrize(
    "changes", [{"reference": "another"}, {"course": None}, {"course": COURSE | {"num_prompts": 9}}]
)
def test_what_was_measured_otherwise_is_not_compared(tmp_path: Path, changes: dict[str, Any]):
    run, other = two_runs(tmp_path, **changes)
    with pytest.raises(RunError, match="no policy of it can be compared with one of"):
        plain_view(run, [other])
    assert plain_view(run)["policies"] == []


def test_the_error_of_the_distance_counts_by_the_slope():
    rows = [{"kl": 0.0, "true_score": 0.0}, {"kl": 2.0, "true_score": 1.0, "true_score_error": 0.3, "kl_error": 0.8}]
    found = score_at(rows, 2.0)
    assert (found.value, found.error) == (1.0, pytest.approx((0.3**2 + (0.5 * 0.8) ** 2) ** 0.5))
    assert score_at(rows, 1.0).value == 0.5


def test_a_course_that_comes_back_counts_where_it_was_trained_longest():
    rows = [{"kl": kl, "true_score": score} for kl, score in ((0.0, 0.0), (2.0, 1.0), (4.0, 2.0), (3.0, 3.0))]
    assert score_at(rows, 3.5).value == 2.5
    assert score_at(rows, 1.0).value == 0.5


@pytest.mark.parametrize(
    ("farthest", "expected"),
    [(4.0, [1, 2, 3, 4]), (11.3, [2, 4, 6, 8, 10]), (0.35, [0.1, 0.2, 0.3]), (0.0, []), (6.0, [1, 2, 3, 4, 5, 6])],
)
def test_levels_are_round(farthest: float, expected: list[float]):
    assert levels(farthest) == pytest.approx(expected)
