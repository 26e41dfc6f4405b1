"""What happened, in one sentence, and which stage is at fault if one is."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.progress import duration
from pipeline.core.stage import Check
from pipeline.report.numbers import number, real_minus
from pipeline.report.reading import RunRecord, StageRecord
from pipeline.report.views import CheckView, Verdict


def verdict(run: RunRecord) -> Verdict:
    """The run's state. The first failed check in the order of the stages is at fault: what follows only inherits it."""
    if run.running:
        return _running(run)
    at = first_left(run.stages)
    fault = _first(run.stages, "fail")
    if fault is not None:
        stage, check = fault
        where = f"Stopped before {at.id}: " if at is not None else "Finished, but "
        return Verdict("fail", f"{where}{stage.id} is at fault: {_found(check)}.", _sentence(check.advice))
    return _finished(run) if at is None else _stopped(run, at)


def findings(stages: Sequence[StageRecord]) -> list[CheckView]:
    """The checks that did not pass, failures first, each in the order of the stages."""
    found = [view for stage in stages for view in check_views(stage) if view.verdict != "pass"]
    return sorted(found, key=lambda view: view.verdict != "fail")


def check_views(stage: StageRecord) -> list[CheckView]:
    """A stage's checks as they are shown."""
    return [
        CheckView(
            stage.id,
            check.name.replace("_", " "),
            number(check.figure),
            real_minus(check.expected),
            check.verdict,
            check.advice,
        )
        for check in stage.checks
    ]


def first_left(stages: Sequence[StageRecord]) -> StageRecord | None:
    """Where a walk stands that is not at its end: the first stage that is not made, or made and not checked."""
    return next((stage for stage in stages if stage.state != "made" or not stage.checked), None)


def reached(stage: StageRecord) -> str:
    """How far an unfinished stage has come: `step 120`."""
    if stage.state == "made" or not stage.rows or "step" not in stage.rows[-1]:
        return ""
    return f"step {number(stage.rows[-1]['step'])}"


def _running(run: RunRecord) -> Verdict:
    made = sum(stage.state == "made" for stage in run.stages)
    now = first_left(run.stages)
    where = f"{now.id} is being made" if now else "the last checks are being made"
    return Verdict("running", f"Running: {where}, {made} of {len(run.stages)} stages are done.")


def _stopped(run: RunRecord, at: StageRecord) -> Verdict:
    if run.stopped:
        return Verdict("fail", f"Stopped in {at.id}: {_sentence(run.stopped)}")
    left = [stage.id for stage in run.stages if stage.state != "made"]
    made = f"{len(run.stages) - len(left)} of {len(run.stages)} stages are made"
    if at.state == "missing":
        to_come = f"{', '.join(left)} {'is' if len(left) == 1 else 'are'} to come"
        return Verdict("unfinished", f"Not finished: {made}; {to_come}.", "The same command without `--until`.")
    progress = f" ({reached(at)})" if reached(at) else ""
    what = f"{at.id} is not checked" if at.state == "made" else f"{at.id} was begun{progress} and is not done"
    return Verdict("unfinished", f"Unfinished: {what}, {made}.", "The same command goes on from there.")


def _finished(run: RunRecord) -> Verdict:
    seconds = sum(stage.manifest["seconds"] for stage in run.stages)
    checks = sum(len(stage.checks) for stage in run.stages)
    made = f"Finished: {_counted(len(run.stages), 'stage')} in {duration(seconds)}"
    warned = [view for view in findings(run.stages) if view.verdict == "warn"]
    if not warned:
        passed = f"; every one of {checks} checks passed" if checks else ""
        return Verdict("pass", f"{made}{passed}.")
    *before, last = dict.fromkeys(view.stage for view in warned)
    where = f"{', '.join(before)} and {last}" if before else last
    return Verdict(
        "warn",
        f"{made}; {checks - len(warned)} of {checks} checks passed, {_counted(len(warned), 'warning')} in {where}.",
        "a run without `--smoke`: at this size every stage works and none learns." if run.smoke else "",
    )


def _first(stages: Sequence[StageRecord], verdict: str) -> tuple[StageRecord, Check] | None:
    return next(((stage, check) for stage in stages for check in stage.checks if check.verdict == verdict), None)


def _found(check: Check) -> str:
    return f"{check.name.replace('_', ' ')} is {number(check.figure)}, expected {real_minus(check.expected)}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _sentence(text: str) -> str:
    """Text that ends with a full stop."""
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."
