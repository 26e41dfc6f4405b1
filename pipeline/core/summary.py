"""What a run has, as a table of at most 80 columns: each stage, its result, its checks, its time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.core.artifact import MANIFEST, WORK, read_json
from pipeline.core.errors import RunError
from pipeline.core.plan import IDENTITY
from pipeline.core.progress import duration
from pipeline.core.seal import read_checks
from pipeline.core.stage import Check

WIDTH = 80


def stage_state(folder: Path) -> dict[str, Any]:
    """The state of one stage's folder: `made`, `unfinished` or `missing`, with its headline, seconds and checks."""
    if (folder / MANIFEST).exists():
        manifest = read_json(folder / MANIFEST)
        return {
            "id": folder.name,
            "state": "made",
            "kind": manifest["kind"],
            "headline": manifest["headline"],
            "seconds": manifest["seconds"],
            "cpu_seconds": manifest["cpu_seconds"],
            "metrics": manifest["metrics"],
            "checks": read_checks(folder),
            "path": str(folder),
        }
    state = "unfinished" if (folder / WORK / IDENTITY).exists() else "missing"
    return {"id": folder.name, "state": state, "headline": "", "seconds": None, "checks": [], "path": str(folder)}


def run_states(folder: Path) -> list[dict[str, Any]]:
    """The state of every stage of a run, in the recipe's order.

    Raises:
        RunError: when `folder` holds no run.
    """
    record = folder / "run.json"
    if not record.exists():
        raise RunError(f"{folder}: there is no run here; `gristmill run RECIPE` makes one")
    return [stage_state(folder / stage_id) for stage_id in read_json(record)["order"]]


def table(states: Sequence[dict[str, Any]], folder: Path) -> str:
    """The states as text."""
    name_width = max([5, *(len(state["id"]) for state in states)])
    result_width = WIDTH - name_width - 8 - 13 - 6
    lines = [f"{'stage':<{name_width}}  {'result':<{result_width}}  {'checks':<8}  {'time':>11}"]
    for state in states:
        result = state["headline"] or state["state"]
        wrapped = wrap(result, result_width)
        time = duration(state["seconds"]) if state["seconds"] is not None else ""
        lines.append(
            f"{state['id']:<{name_width}}  {wrapped[0]:<{result_width}}  {marks(state['checks']):<8}  {time:>11}"
        )
        lines += [f"{'':<{name_width}}  {rest}" for rest in wrapped[1:]]
    total = sum(state["seconds"] or 0 for state in states)
    lines.append(f"{'':<{name_width}}  {f'in {folder}':<{result_width}}  {'':<8}  {duration(total):>11}")
    return "\n".join(lines)


def marks(checks: Sequence[Check]) -> str:
    """The verdicts in short: `4 ok`, `1 of 4 !`."""
    bad = sum(check.verdict != "pass" for check in checks)
    return (f"{bad} of {len(checks)} !" if bad else f"{len(checks)} ok") if checks else ""


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; at least one."""
    import textwrap

    return textwrap.wrap(text, width) or [""]


def findings(states: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each check that did not pass."""
    return [
        f"{check.verdict}: {state['id']}: {check.name} is {check.figure}, expected {check.expected}"
        + (f"; {check.advice}" if check.advice else "")
        for state in states
        for check in state["checks"]
        if check.verdict != "pass"
    ]
