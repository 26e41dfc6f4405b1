"""`gristmill status`: each stage of a run, its result, its checks, its time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, RunFolder
from pipeline.core.summary import findings, is_smoke, outlook, run_states, table
from pipeline.core.text import folded


def status(folder: RunFolder, as_json: Json = False) -> None:
    """Show each stage of a run: its result, its checks, its time; and what is next.

    Example: gristmill status runs/tiny
    """
    with user_errors():
        states = run_states(folder)
    if as_json:
        print(json.dumps([_plain(state) for state in states], indent=2))
        return
    print("\n".join([table(states, folder), *findings(states)]))
    if outlook(states, folder):
        print(outlook(states, folder))


def print_closing(folder: Path) -> None:
    """What a run ends with: the table, failed checks in full. Warnings were said when they came; here they count."""
    states = run_states(folder)
    print("\n".join([table(states, folder), *findings(states, ["fail"])]))
    warnings = len(findings(states, ["warn"]))
    if warnings or findings(states, ["fail"]):
        size = ", as at the size of a smoke run, which learns nothing" if is_smoke(folder) else ""
        count = f"{warnings} warning{'s' * (warnings != 1)}{size}; " if warnings else ""
        print(folded(f"{count}`gristmill status {folder}` says what to try, `gristmill report {folder}` shows it"))


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"checks": [asdict(check) for check in state["checks"]]}
