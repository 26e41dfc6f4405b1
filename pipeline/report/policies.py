"""Policies side by side: what each gained for the distance it went from the reference that they share.

Compared are those that answered the same prompts with the same uniforms in the course of their training (`course` of
ppo and dpo), of one run or of several.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.core.errors import RunError
from pipeline.data.course_config import COURSE
from pipeline.figures import courses
from pipeline.figures.drawing import svg
from pipeline.figures.series import line_of
from pipeline.report.numbers import number, with_error
from pipeline.report.reading import Rows, RunRecord, StageRecord, read_rows
from pipeline.report.views import Chart, PolicyView, Table

SCORE = "true_score"
_LEVELS = 6
"""Distances at which policies are compared, at most."""


@dataclass(frozen=True)
class PolicyCourse:
    """One policy, from its first step to its last."""

    label: str
    measured: str
    """From which reference it started, and on what it was measured."""
    rows: Rows


@dataclass(frozen=True)
class Reached:
    """The score of a policy at some distance."""

    value: float
    error: float


def compare_policies(run: RunRecord, others: Sequence[RunRecord] = ()) -> list[PolicyView]:
    """A chart and a table for each group of policies of `run` and `others` that were measured alike.

    Raises:
        RunError: when no policy of one of the others was measured as one of `run`.
    """
    own = list(_courses(run, ""))
    theirs = {other.folder: list(_courses(other, f"{other.name}: ")) for other in others}
    for folder, found in theirs.items():
        if not {course.measured for course in found} & {course.measured for course in own}:
            raise RunError(
                f"{folder}: no policy of it can be compared with one of {run.folder}: both need a stage that trains "
                "one from the same model and seed, measured by the same `course`"
            )
    groups: dict[str, list[PolicyCourse]] = {}
    for course in [*own, *(course for found in theirs.values() for course in found)]:
        groups.setdefault(course.measured, []).append(course)
    shown = [group for group in groups.values() if len(group) > 1]
    return [view_policies(group, place) for place, group in enumerate(shown)]


def _courses(run: RunRecord, prefix: str) -> Iterator[PolicyCourse]:
    """The policies of a run that are made, and whose true score is known."""
    for stage in run.stages:
        rows = read_rows(stage.folder / COURSE) if stage.state == "made" else []
        if rows and all(SCORE in row for row in rows):
            yield PolicyCourse(f"{prefix}{stage.id}", _measured(stage), rows)


def _measured(stage: StageRecord) -> str:
    """What must be the same: reference, prompts, how many of them and how long answers may be, seed."""
    settings = stage.manifest["identity"]["settings"]
    reference = settings.get("model") or settings.get("policy")
    return json.dumps([reference, settings.get("course"), stage.manifest["seed"]], sort_keys=True)


def view_policies(group: Sequence[PolicyCourse], place: int) -> PolicyView:
    """The courses in one chart, and the scores at equal distance."""
    lines = [line_of(course.rows, SCORE, course.label, axis="kl") for course in group]
    title, note = "True score against KL", "points of training, ± 1 standard error; the start is the reference"
    figure = courses.against_kl([line for line in lines if line is not None])
    drawn = [] if figure is None else [Chart(title, note, svg(figure, f"policies-{place}", f"{title}. {note}"))]
    return PolicyView(drawn, at_equal_distance(group))


def at_equal_distance(group: Sequence[PolicyCourse]) -> Table:
    """Each policy's score where its course passes a few distances that all of them reach."""
    farthest = min(max(row["kl"] for row in course.rows) for course in group)
    rows = []
    for kl in levels(farthest):
        reached = [score_at(course.rows, kl) for course in group]
        cells = [with_error(score.value, score.error) for score in reached]
        if len(group) == 2:
            first, second = reached
            cells.append(with_error(second.value - first.value, math.hypot(first.error, second.error)))
        rows.append((number(kl), *cells))
    head = ["KL, nats per answer", *(course.label for course in group)]
    if len(group) == 2:
        head.append(f"{group[1].label} less {group[0].label}")
    note = "the last time that training passes it, by a line between points; ± one standard error, the KL's included"
    return Table("True score at equal KL", head, rows, note)


def score_at(rows: Rows, kl: float) -> Reached:
    """Where the course passes `kl`, which it does: by the line between the points on both sides.

    Where it comes back to a distance, the last time counts: the policy that was trained longest. The error of the
    distance counts as that of the score times the line's slope. Both points are of the same prompts and uniforms, so
    their errors are taken to go together.
    """
    passing = [pair for pair in pairwise(rows) if (pair[0]["kl"] - kl) * (pair[1]["kl"] - kl) <= 0]
    before, after = passing[-1]
    step = after["kl"] - before["kl"]
    share = (kl - before["kl"]) / step if step else 1.0

    def between(column: str) -> float:
        return (1 - share) * before.get(column, 0.0) + share * after.get(column, 0.0)

    slope = (after[SCORE] - before[SCORE]) / step if step else 0.0
    return Reached(between(SCORE), math.hypot(between(f"{SCORE}_error"), slope * between("kl_error")))


def levels(farthest: float) -> list[float]:
    """Round distances up to `farthest`, evenly spaced, `_LEVELS` of them at most; none below a hundredth of a nat."""
    if farthest < 0.01:
        return []
    power = 10.0 ** math.floor(math.log10(farthest / _LEVELS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * _LEVELS >= farthest * 0.999)
    return [round(step * place, 6) for place in range(1, math.floor(farthest / step + 1e-9) + 1)]
