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


def read_json(path: Path) -> Any:
    """Read JSON that this package wrote; a damaged file is an error that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: damaged ({error}); move the folder aside and run again") from None


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
    """A file that every folder of this type holds, by name or pattern: how a wrong folder is told before a run."""

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
