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
    fault = _first(run.stages, "fail")
    left = [stage for stage in run.stages if stage.state != "made"]
    if fault is not None:
        stage, check = fault
        what = f"{stage.id} is at fault: {_found(check)}."
        return Verdict(
            "fail", f"{'Stopped' if left else 'Finished, but'} {_after(left)}{what}", _sentence(check.advice)
        )
    if left:
        return _stopped(run, left)
    return _finished(run)


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


def _running(run: RunRecord) -> Verdict:
    made = sum(stage.state == "made" for stage in run.stages)
    now = next((stage for stage in run.stages if stage.state != "made"), None)
    where = f"{now.id} is being made" if now else "the last checks are being made"
    return Verdict("running", f"Running: {where}, {made} of {len(run.stages)} stages are done.")


def _stopped(run: RunRecord, left: Sequence[StageRecord]) -> Verdict:
    made = len(run.stages) - len(left)
    begun = next((stage for stage in left if stage.state == "unfinished"), None)
    if run.stopped:
        return Verdict("fail", f"Stopped in {(begun or left[0]).id}: {_sentence(run.stopped)}")
    if begun is not None:
        progress = f" (step {number(begun.rows[-1]['step'])})" if begun.rows and "step" in begun.rows[-1] else ""
        return Verdict(
            "unfinished",
            f"Unfinished: {begun.id} was begun{progress} and is not done, {made} of {len(run.stages)} stages are made.",
            "The same command goes on from there.",
        )
    to_come = f"{', '.join(stage.id for stage in left)} {'is' if len(left) == 1 else 'are'} to come"
    return Verdict(
        "unfinished",
        f"Not finished: {made} of {len(run.stages)} stages are made; {to_come}.",
        "The same command without `--until` makes the rest." if made else "",
    )


def _finished(run: RunRecord) -> Verdict:
    seconds = sum(stage.manifest["seconds"] for stage in run.stages)
    checks = sum(len(stage.checks) for stage in run.stages)
    made = f"Finished: {_counted(len(run.stages), 'stage')} in {duration(seconds)}"
    warned = [view for view in findings(run.stages) if view.verdict == "warn"]
    if not warned:
        passed = f"; every one of {checks} checks passed" if checks else ""
        return Verdict("pass", f"{made}{passed}.")
    where = " and ".join(dict.fromkeys(view.stage for view in warned))
    return Verdict(
        "warn",
        f"{made}; {checks - len(warned)} of {checks} checks passed, {_counted(len(warned), 'warning')} in {where}.",
    )


def _first(stages: Sequence[StageRecord], verdict: str) -> tuple[StageRecord, Check] | None:
    return next(((stage, check) for stage in stages for check in stage.checks if check.verdict == verdict), None)


def _found(check: Check) -> str:
    return f"{check.name.replace('_', ' ')} is {number(check.figure)}, expected {real_minus(check.expected)}"


def _after(left: Sequence[StageRecord]) -> str:
    return f"before {left[0].id}; " if left else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _sentence(text: str) -> str:
    """Begins with a capital if a word does, and ends with a full stop."""
    text = text.strip()
    return text if not text or text[-1] in ".?!`" else f"{text}."
