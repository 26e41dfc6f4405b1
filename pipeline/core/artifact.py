"""A directory written by one stage, complete from the moment `manifest.json` is in it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pipeline.core.errors import RunError

MANIFEST = "manifest.json"
CHECKS = "checks.json"
WORK = ".work"
CHECKPOINTS = "checkpoints"
"""In the work folder: what an unfinished stage can go on from."""
RUN_RECORD = "run.json"
IDENTITY = "identity.json"
FORMAT = 1


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that `path` holds either its old content or all of the new, even if the power fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and new names in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Record(dict[str, Any]):
    """A JSON object that this package wrote: a key that is missing from it is damage, and an error that names it."""

    def __init__(self, values: dict[str, Any], path: Path) -> None:
        """The object `values` of the file `path`."""
        super().__init__(values)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise damaged(self.path, f"no {key!r} in it")


def read_json(path: Path) -> Any:
    """Read JSON that this package wrote: a `Record`, or a list of checks.

    Raises:
        RunError: for a damaged file, or one that another version of the format made.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or no UTF-8
        raise damaged(path, str(error) or "brackets in brackets") from None
    if not isinstance(content, list if path.name == CHECKS else dict):
        raise damaged(
            path, f"a {type(content).__name__} where {'a list' if path.name == CHECKS else 'an object'} is due"
        )
    if isinstance(content, list):
        return content
    if path.name in (MANIFEST, RUN_RECORD) and content.get("format", FORMAT) != FORMAT:
        raise RunError(
            f"{path}: of format {content['format']}, and this version of gristmill reads {FORMAT}; "
            "use the version that made it, or start beside it with --name NEW"
        )
    return Record(content, path)


def damaged(path: Path, reason: str) -> RunError:
    """The error for a file that does not hold what was written, with the way on."""
    ways = {
        CHECKS: "remove it, and the next run checks the stage again",
        RUN_RECORD: "the next run writes it anew",
        IDENTITY: "move the stage's folder aside and run again",
        MANIFEST: "move the stage's folder aside and run again",
    }
    return RunError(f"{path}: damaged ({reason}); {ways.get(path.name, 'restore it, or remove it')}")


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifact_files(folder: Path) -> list[Path]:
    """Every file that belongs to the artifact in `folder`: all but the manifest, the checks and the scratch folder."""
    own = {folder / MANIFEST, folder / CHECKS}
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and path not in own and WORK not in path.relative_to(folder).parts
    )


@dataclass(frozen=True)
class Artifact:
    """What a stage made, or something outside of the same shape (a model folder) that stands in its place."""

    path: Path
    fingerprint: str = ""
    """Identity of the content: the maker's fingerprint, or the digest of an outside folder."""
    address: str = ""
    """As the recipe names it; the stage's id for a stage's output."""
    holds: ClassVar[str] = "*"
    """A file that every folder of this type holds, by name or pattern (`a or b`): how a wrong folder is told before a
    run."""

    @classmethod
    def rests_on(cls, folder: Path) -> Path | None:
        """The folder that the content of an outside `folder` cannot do without, where it names one on this machine."""
        return None

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest; empty for an artifact that no stage of ours made."""
        manifest = self.path / MANIFEST
        return read_json(manifest) if manifest.exists() else {}

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures that the stage reported at its end."""
        return self.manifest.get("metrics", {})

    @property
    def sealed(self) -> bool:
        """Whether the artifact is complete."""
        return (self.path / MANIFEST).exists()
