"""Begin, seal, check and verify the folder of one stage."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pipeline.core.artifact import (
    CHECKS,
    FORMAT,
    MANIFEST,
    WORK,
    artifact_files,
    damaged,
    file_digest,
    read_json,
    sync_directory,
    write_json,
)
from pipeline.core.plan import IDENTITY, PlannedStage
from pipeline.core.stage import Check, Outcome

LIBRARIES = ("gristmill", "torch", "transformers", "trl", "accelerate", "peft", "datasets", "tokenizers")


@functools.cache
def environment(package: str = "") -> dict[str, Any]:
    """What a result may depend on beside the recipe: Python and the libraries' versions, that of the package which
    brings the stage, the code's commit.
    """
    versions = {"python": platform.python_version()}
    for library in filter(None, (*LIBRARIES, package)):
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"versions": versions, "machine": platform.machine(), "commit": _commit()}


def _commit() -> str | None:
    """The commit of this package's checkout; none for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    answer = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def begin(planned: PlannedStage, settings: Mapping[str, Any], world_size: int) -> list[str]:
    """Write the identity of what is about to be made; for a stage that is resumed, say why it may not end with the
    same bits as one never stopped (nothing: it will).
    """
    work = planned.path / WORK
    now = {"world_size": world_size, "versions": environment(planned.identity.get("package", ""))["versions"]}
    if planned.action == "resume":
        before = read_json(work / IDENTITY)["environment"]
        return [f"{key} was {before[key]}, now {now[key]}" for key in now if before[key] != now[key]]
    work.mkdir(parents=True)
    record = {
        "fingerprint": planned.fingerprint,
        "identity": planned.identity,
        "settings": settings,
        "environment": now,
        "started": time.time(),
    }
    write_json(work / IDENTITY, record)
    return []


def seal(planned: PlannedStage, outcome: Outcome, record: Mapping[str, Any]) -> None:
    """Write the manifest, last and by rename: the artifact is complete from then on. Its files become read-only."""
    files = artifact_files(planned.path)
    for file in files:
        with open(file, "rb") as opened:
            os.fsync(opened.fileno())
    manifest = {
        "format": FORMAT,
        "id": planned.id,
        "kind": planned.identity["kind"],
        "fingerprint": planned.fingerprint,
        "identity": planned.identity,
        **record,
        "metrics": dict(outcome.metrics),
        "headline": outcome.headline,
        "environment": environment(planned.identity.get("package", "")),
        "files": {str(file.relative_to(planned.path)): file_digest(file) for file in files},
    }
    for file in files:
        file.chmod(0o444)
    for folder in {file.parent for file in files}:
        sync_directory(folder)
    write_json(planned.path / MANIFEST, manifest)
    shutil.rmtree(planned.path / WORK, ignore_errors=True)


def write_checks(folder: Path, checks: Sequence[Check]) -> None:
    """Keep the verdicts beside the manifest."""
    write_json(folder / CHECKS, [asdict(check) for check in checks])


def read_checks(folder: Path) -> list[Check]:
    """The verdicts on an artifact; none if it was not checked."""
    path = folder / CHECKS
    if not path.exists():
        return []
    try:
        return [Check(**record) for record in read_json(path)]
    except TypeError:
        raise damaged(path, "it holds no checks") from None


def as_warnings(checks: Sequence[Check]) -> list[Check]:
    """The verdicts as a smoke run shows them: what learns nothing cannot be told from what fails to learn."""
    return [replace(check, verdict="warn") if check.verdict == "fail" else check for check in checks]


def missing_files(folder: Path) -> list[str]:
    """The files of a sealed artifact that are no longer there; a look that costs nothing, unlike `damage`."""
    return [name for name in read_json(folder / MANIFEST)["files"] if not (folder / name).exists()]


def damage(folder: Path) -> list[str]:
    """What is wrong with a sealed artifact: files missing, changed, or not in its manifest. Empty for a good one."""
    recorded: dict[str, str] = read_json(folder / MANIFEST)["files"]
    present = {str(file.relative_to(folder)): file for file in artifact_files(folder)}
    faults = [f"{name}: missing" for name in sorted(recorded.keys() - present.keys())]
    faults += [f"{name}: not in the manifest" for name in sorted(present.keys() - recorded.keys())]
    for name in sorted(recorded.keys() & present.keys()):
        if file_digest(present[name]) != recorded[name]:
            faults.append(f"{name}: changed since it was sealed")
    return faults
