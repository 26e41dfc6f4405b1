"""A run's folder as records: manifests, checks and the small JSON files beside them. Weights and texts are not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact import CHECKS, MANIFEST, WORK, read_json
from pipeline.core.errors import RunError
from pipeline.core.lock import is_locked
from pipeline.core.plan import IDENTITY
from pipeline.core.seal import as_warnings, read_checks
from pipeline.core.stage import Check

STOPPED = "stopped.json"
"""Beside `run.json`: why the last walk ended before its end."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class StageRecord:
    """What the folder of one stage says."""

    id: str
    kind: str
    folder: Path
    state: str
    """`made`, `unfinished` or `missing`."""
    manifest: Mapping[str, Any]
    """Empty unless the stage is made."""
    checks: tuple[Check, ...]
    checked: bool
    """Whether its checks were made."""
    rows: Rows
    """The lines of `metrics.jsonl`."""

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The figures that the stage reported at its end."""
        return self.manifest.get("metrics", {})

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it was made with, defaults included."""
        return self.manifest.get("settings", {})

    def worst(self) -> str:
        """The worst verdict on it."""
        verdicts = {check.verdict for check in self.checks}
        return next((verdict for verdict in ("fail", "warn") if verdict in verdicts), "pass")


@dataclass(frozen=True)
class RunRecord:
    """What a run's folder says."""

    folder: Path
    name: str
    recipe: str
    settings: Mapping[str, Any]
    """The recipe with its overrides."""
    stages: tuple[StageRecord, ...]
    stopped: str
    """Why the last walk ended before its end; empty if it did not, or if nothing is known."""
    running: bool
    """Whether a process is walking through it now."""
    smoke: bool
    """Whether every stage was made at its smallest; its checks are then warnings."""


def read_run(folder: Path) -> RunRecord:
    """Read a run's folder.

    Raises:
        RunError: when there is no run, or a file is damaged.
    """
    path = folder / "run.json"
    if not path.exists():
        raise RunError(f"{folder}: there is no run here; `gristmill run RECIPE` makes one")
    record = read_json(path)
    settings = record["settings"]
    smoke = record.get("smoke", False)
    stages = tuple(
        _read_stage(folder / stage_id, settings["stages"].get(stage_id), smoke) for stage_id in record["order"]
    )
    return RunRecord(
        folder, folder.resolve().name, record["recipe"], settings, stages, _read_stop(folder), is_locked(folder), smoke
    )


def _read_stage(folder: Path, settings: Mapping[str, Any] | None, smoke: bool) -> StageRecord:
    kind = (settings or {}).get("kind", folder.name)
    rows = read_rows(folder / "metrics.jsonl")
    if (folder / MANIFEST).exists():
        manifest = read_json(folder / MANIFEST)
        checks = read_checks(folder)
        return StageRecord(
            folder.name,
            manifest["kind"],
            folder,
            "made",
            manifest,
            tuple(as_warnings(checks) if smoke else checks),
            (folder / CHECKS).exists(),
            rows,
        )
    state = "unfinished" if (folder / WORK / IDENTITY).exists() else "missing"
    return StageRecord(folder.name, kind, folder, state, {}, (), False, rows if state == "unfinished" else [])


def read_rows(path: Path) -> Rows:
    """One JSON object a line; none without the file. A last line that is still being written is left out.

    Raises:
        RunError: for a line that is no JSON object.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    rows: Rows = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise RunError(f"{path}:{number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise RunError(f"{path}:{number}: not a JSON object")
        rows.append(row)
    return rows


def _read_stop(folder: Path) -> str:
    """The last walk's fault, unless another walk began after it."""
    path = folder / STOPPED
    if not path.exists() or path.stat().st_mtime_ns < (folder / "run.json").stat().st_mtime_ns:
        return ""
    return read_json(path)["because"]
