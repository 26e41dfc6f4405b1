"""`gristmill status`: each stage of a run, its result, its checks, its time."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, RunFolder
from pipeline.core.summary import findings, run_states, table


def status(folder: RunFolder, as_json: Json = False) -> None:
    """Show each stage of a run: its result, its checks, its time.

    Example: gristmill status runs/tiny
    """
    with user_errors():
        states = run_states(folder)
    if as_json:
        print(json.dumps([_plain(state) for state in states], indent=2))
    else:
        print_states(folder)


def print_states(folder: Path) -> None:
    """The table of a run's stages, and a line for each check that did not pass."""
    states = run_states(folder)
    print(table(states, folder))
    for finding in findings(states):
        print(finding)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"checks": [asdict(check) for check in state["checks"]]}
