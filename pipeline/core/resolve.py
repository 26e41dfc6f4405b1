"""From a reference to what it stands for, and to what identifies its content.

Stages give their artifact; files and folders count by their bytes, what lies at a URL by what
the server says of it (size and digest, version or time of change), a Hub repository by its commit, a builtin by its
generator's version, a Python function by its module's source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.core.artifact import Artifact, file_digest, read_json, write_json
from pipeline.core.errors import RunError, StageError
from pipeline.core.folders import files_below, split_pattern
from pipeline.core.functions import function_digest
from pipeline.core.hub import hub_commit, hub_folder
from pipeline.core.reference_checks import BuiltinCatalogue, references_of, resolve_path
from pipeline.core.references import Accepts, DataReference, Reference, Resolved, scheme_of
from pipeline.core.stage import Inputs


class Digests:
    """The sha256 of outside files, remembered by path, size and time of change."""

    def __init__(self, cache: Path | None) -> None:
        """Read what `cache` remembers, if it is there."""
        self.cache = cache
        self._known: dict[str, list[Any]] = read_json(cache) if cache and cache.exists() else {}
        self._changed = False

    def of(self, path: Path, pattern: str | None = None) -> str:
        """The digest of a file, or of all files below a folder (that match `pattern`) with their names."""
        if path.is_dir():
            files = [file for file in files_below(path, pattern) if file.is_file() and ".work" not in file.parts]
            lines = [f"{file.relative_to(path)} {self._file(file)}" for file in files]
            return hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return self._file(path)

    def save(self) -> None:
        """Write what was learned."""
        if self.cache and self._changed:
            try:
                self.cache.parent.mkdir(parents=True, exist_ok=True)
                write_json(self.cache, self._known)
            except (FileExistsError, NotADirectoryError):
                raise RunError(f"{self.cache.parent}: a file where a folder is due; give another --runs") from None

    def _file(self, path: Path) -> str:
        status = path.stat()
        key, stamp = str(path.resolve()), [status.st_size, status.st_mtime_ns]
        known = self._known.get(key)
        if not isinstance(known, list) or known[:2] != stamp or len(known) != 3:
            self._known[key] = [*stamp, file_digest(path)]
            self._changed = True
        return self._known[key][2]


@dataclass
class Resolver:
    """Turns the references of configs into inputs."""

    catalogue: BuiltinCatalogue
    folder: Path
    """What relative paths are relative to."""
    digests: Digests
    lock: Path | None = None
    """Where the commits of floating Hub references are pinned."""
    stages: Mapping[str, Artifact] = field(default_factory=dict)
    """The artifacts of earlier stages by id."""
    download: bool = False
    """Whether models are fetched from the Hub; a plan only needs their commits."""

    def inputs(self, config: BaseModel) -> Inputs:
        """The config's values, with each reference replaced by what it stands for."""
        found = {path: self.resolve(reference, accepts) for path, reference, accepts in references_of(config)}
        return _mirror(config, (), found)

    def resolve(self, reference: Reference, accepts: Accepts) -> Artifact | Resolved:
        """One reference. An artifact where the input takes artifacts, otherwise a `Resolved`."""
        scheme = scheme_of(reference.path)
        if scheme == "stage" and reference.path in self.stages:
            return self.stages[reference.path]
        if scheme in ("stage", "path"):
            return self._path(reference, accepts)
        if scheme == "hf":
            return self._hub(reference, accepts)
        if scheme == "url":
            from pipeline.core.remote_files import remote_digest, remote_files

            files = remote_files(reference.path)
            return self._resolved(reference, "url", f"url:{remote_digest(files)}", files=files)
        return self._named(reference, accepts, scheme)

    def _path(self, reference: Reference, accepts: Accepts) -> Artifact | Resolved:
        path, pattern = split_pattern(resolve_path(reference.path, self.folder))
        if not path.exists():
            raise StageError(f"{reference.path}: there is no such file or folder ({path})")
        digest = self.digests.of(path, pattern)
        if accepts.types and path.is_dir() and not (isinstance(reference, DataReference) and not _is_artifact(path)):
            base = accepts.types[0].rests_on(path)
            if base is not None:
                digest = hashlib.sha256(f"{digest} {self.digests.of(base)}".encode()).hexdigest()
            return accepts.types[0](path, digest, reference.path)
        return self._resolved(reference, "path", digest, path=path, pattern=pattern)

    def _hub(self, reference: Reference, accepts: Accepts) -> Artifact | Resolved:
        address, _, revision = reference.path.removeprefix("hf://").partition("@")
        repository = address.removeprefix("datasets/").removeprefix("models/")
        is_data = address.startswith("datasets/")
        commit = hub_commit(repository, "dataset" if is_data else "model", revision, self.lock)
        fingerprint = f"hf:{address}@{commit}"
        if accepts.types and not is_data:
            path = hub_folder(repository, commit) if self.download else Path(repository)
            return accepts.types[0](path, fingerprint, reference.path)
        return self._resolved(reference, "hf", fingerprint, name=repository, revision=commit)

    def _named(self, reference: Reference, accepts: Accepts, scheme: Any) -> Resolved:
        if scheme == "builtin":
            name = reference.path.removeprefix("builtin:")
            entry = self.catalogue[accepts.builtins or "", name]
            return self._resolved(reference, "builtin", f"builtin:{name}:{entry.version}", name=name)
        return self._resolved(reference, "python", function_digest(reference.path, self.folder), name=reference.path)

    def _resolved(self, reference: Reference, scheme: Any, fingerprint: str, **found: Any) -> Resolved:
        parts: dict[str, Any] = {}
        if isinstance(reference, DataReference):
            parts = {
                "subset": reference.name,
                "split": reference.split,
                "columns": dict(reference.columns),
            }
        return Resolved(reference.path, scheme, fingerprint, **found, **parts)


def _is_artifact(path: Path) -> bool:
    return (path / "manifest.json").exists()


def _mirror(value: Any, path: tuple[str | int, ...], found: Mapping[tuple[str | int, ...], Any]) -> Any:
    if path in found:
        return found[path]
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return Inputs(**{name: _mirror(getattr(value, name), (*path, name), found) for name in fields})
    if isinstance(value, list | tuple):
        return tuple(_mirror(item, (*path, index), found) for index, item in enumerate(value))
    return value
