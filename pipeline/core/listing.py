"""The runs in a folder: how far each is, and what it takes on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact import CHECKS, MANIFEST, WORK, read_json
from pipeline.core.errors import RunError
from pipeline.core.lock import is_locked
from pipeline.core.summary import run_states

RECORD = "run.json"


@dataclass(frozen=True)
class ListedRun:
    """One run, for people."""

    name: str
    recipe: str
    """The recipe's file."""
    made: int
    stages: int
    state: str
    """`done`, `running: STAGE`, `failed check: STAGE`, or where it stands: `before STAGE`, `within STAGE`."""
    changed: float
    """When a stage was last begun, sealed or checked, in seconds since 1970."""
    bytes: int
    """What its files take; a file that two runs share counts for both."""
    path: str


def runs_in(folder: Path) -> list[ListedRun]:
    """The runs that lie in `folder`, the latest last.

    Raises:
        RunError: when there is no such folder.
    """
    if not folder.is_dir():
        raise RunError(f"{folder}: there is no such folder; `gristmill run RECIPE` makes it, `--runs` names another")
    return sorted((_listed(record.parent) for record in folder.glob(f"*/{RECORD}")), key=lambda run: run.changed)


def _listed(folder: Path) -> ListedRun:
    states = run_states(folder)
    made = sum(state["state"] == "made" for state in states)
    marks = [folder / RECORD, *(Path(state["path"]) / name for state in states for name in (MANIFEST, CHECKS, WORK))]
    return ListedRun(
        folder.name,
        read_json(folder / RECORD)["recipe"],
        made,
        len(states),
        _state(folder, states),
        max(mark.stat().st_mtime for mark in marks if mark.exists()),
        sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file()),
        str(folder),
    )


def _state(folder: Path, states: Sequence[dict[str, Any]]) -> str:
    failed = [state["id"] for state in states if any(check.verdict == "fail" for check in state["checks"])]
    missing = [state for state in states if state["state"] != "made"]
    if is_locked(folder):
        return f"running: {missing[0]['id']}" if missing else "running"
    if failed:
        return f"failed check: {failed[0]}"
    if not missing:
        return "done"
    return f"{'within' if missing[0]['state'] == 'unfinished' else 'before'} {missing[0]['id']}"
