"""What a run has, as a table of at most 80 columns: each stage, its result, its checks, its time; and what is next."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.artifact import MANIFEST, RUN_RECORD, WORK, read_json
from pipeline.core.errors import RunError
from pipeline.core.lock import is_locked
from pipeline.core.plan import IDENTITY
from pipeline.core.progress import duration
from pipeline.core.seal import as_warnings, read_checks
from pipeline.core.stage import Check, Verdict
from pipeline.core.text import WIDTH, coloured, folded, hanging, wrap


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
    begun = folder / WORK / IDENTITY
    state = "unfinished" if begun.exists() else "missing"
    headline = f"unfinished, begun {_when(begun.stat().st_mtime)}" if begun.exists() else "not made yet"
    return {"id": folder.name, "state": state, "headline": headline, "seconds": None, "checks": [], "path": str(folder)}


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def run_states(folder: Path) -> list[dict[str, Any]]:
    """The state of every stage of a run, in the recipe's order; the checks of a smoke run as warnings.

    Raises:
        RunError: when `folder` holds no run.
    """
    if not (folder / RUN_RECORD).exists():
        raise RunError(f"{folder}: there is no run here; `gristmill run RECIPE` makes one, `gristmill ls` lists them")
    states = [stage_state(folder / stage_id) for stage_id in read_json(folder / RUN_RECORD)["order"]]
    if is_smoke(folder):
        return [state | {"checks": as_warnings(state["checks"])} for state in states]
    return states


def is_smoke(folder: Path) -> bool:
    """Whether a run was made with `--smoke`."""
    return read_json(folder / RUN_RECORD).get("smoke", False)


def table(states: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """The states as text."""
    name_width = max([5, *(len(state["id"]) for state in states)])
    checks_width = max([6, *(len(marks(state["checks"])) for state in states)])
    result_width = WIDTH - name_width - checks_width - 11 - 6
    lines = [f"{'stage':<{name_width}}  {'result':<{result_width}}  {'checks':<{checks_width}}  {'time':>11}"]
    for state in states:
        wrapped = wrap(state["headline"] or state["state"], result_width)
        passed = duration(state["seconds"]) if state["seconds"] is not None else ""
        verdicts = _painted(f"{marks(state['checks']):<{checks_width}}", state["checks"])
        line = f"{state['id']:<{name_width}}  {wrapped[0]:<{result_width}}  {verdicts}  {passed:>11}"
        lines += [line.rstrip(), *(f"{'':<{name_width}}  {rest}" for rest in wrapped[1:])]
    total = duration(sum(state["seconds"] or 0 for state in states))
    where = f"in {folder}"
    if len(where) > result_width + checks_width + 2:
        return "\n".join([*lines, f"{total:>{WIDTH}}", where])
    return "\n".join([*lines, f"{'':<{name_width}}  {where:<{result_width + checks_width + 2}}  {total:>11}"])


def worst(checks: Iterable[Check]) -> Verdict:
    """The gravest verdict among the checks."""
    verdicts = {check.verdict for check in checks}
    return "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"


def marks(checks: Sequence[Check]) -> str:
    """The verdicts in short: `4 ok`, `1 warn`, `2 fail`: the gravest, and how many bear it."""
    verdict = worst(checks)
    count = sum(check.verdict == verdict for check in checks)
    return f"{count} {'ok' if verdict == 'pass' else verdict}" if checks else ""


def _painted(text: str, checks: Sequence[Check]) -> str:
    verdict = worst(checks)
    return text if verdict == "pass" else text.replace(verdict, coloured(verdict))


def findings(states: Iterable[Mapping[str, Any]], verdicts: Iterable[Verdict] = ("warn", "fail")) -> list[str]:
    """What each check found that did not pass, with what to try; of the given verdicts alone."""
    found: list[str] = []
    for state in states:
        for check in state["checks"]:
            if check.verdict in set(verdicts) - {"pass"}:
                text = f"{state['id']}: {check.name} is {check.figure}, expected {check.expected}"
                text = hanging(f"{check.verdict}: ", text + (f"; {check.advice}" if check.advice else ""))
                found.append(coloured(check.verdict) + text.removeprefix(check.verdict))
    return found


def outlook(states: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """What running the recipe again would do with a run that is not whole; empty for one that is."""
    if is_locked(folder):
        return "a process is working in this run at this moment"
    rest = [state["id"] for state in states if state["state"] != "made"]
    begun = [state["id"] for state in states if state["state"] == "unfinished"]
    if not rest:
        return ""
    what = f"{begun[0]} goes on where it stopped" if begun else f"{rest[0]} is next"
    follows = f", then {', '.join(name for name in rest if name not in begun)}" if begun and len(rest) > 1 else ""
    failed = [state["id"] for state in states if worst(state["checks"]) == "fail"]
    ways = f"; `--accept {failed[0]}` lets its check pass, `--rerun {failed[0]}` makes it again" if failed else ""
    return "\n".join([folded(f"{what}{follows}{ways}:"), f"  {_command(folder)}"])


def _command(folder: Path) -> str:
    """The command that the run was begun by, but for its overrides."""
    record = read_json(folder / RUN_RECORD)
    name = folder.name.removesuffix("-smoke") if is_smoke(folder) else folder.name
    options = [] if name == record["name"] else [f"--name {name}"]
    if is_smoke(folder):
        options.append("--smoke")
    if folder.parent != Path("runs"):
        options.append(f"--runs {folder.parent}")
    return " ".join(["gristmill run", record["recipe"], *options])
