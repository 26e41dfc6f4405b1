"""Take over what a sibling run has already made: the same fingerprint is the same artifact.

Files are hard links (copies across file systems) of sealed, read-only files, so deleting either run harms neither.
They are linked into a folder of their own, hashed against the source's manifest, and moved into place: whatever
happens to the source meanwhile, what is taken over is whole or not there.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.core.artifact import CHECKS, FORMAT, MANIFEST, artifact_files, read_json, sync_directory, write_json
from pipeline.core.errors import RunError
from pipeline.core.seal import damage

_ASIDE = ".reuse"
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)
"""Another file system, or one that has no hard links or no more of them."""


class Siblings:
    """The sealed artifacts of the other runs that lie beside a run."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the run that asks."""
        self.folder = folder

    def find(self, fingerprint: str) -> Path | None:
        """An artifact of this fingerprint; the first by the names of the runs."""
        return self._by_fingerprint.get(fingerprint)

    @cached_property
    def _by_fingerprint(self) -> Mapping[str, Path]:
        found: dict[str, Path] = {}
        for path in sorted(self.folder.parent.glob(f"*/*/{MANIFEST}")):
            if path.parent.parent.name == self.folder.name:
                continue
            try:
                manifest = read_json(path)
            except RunError:  # a damaged manifest is for the run that it belongs to to report
                continue
            if manifest.get("format") == FORMAT:
                found.setdefault(manifest["fingerprint"], path.parent)
        return found


def take_over(source: Path, target: Path, record: Mapping[str, Any]) -> bool:
    """Link the artifact `source` into place as `target`; False if it is not, or no longer, as it was sealed.

    `record` goes over the source's manifest: what the artifact is called in this run, and where it was taken from.
    """
    temporary = target.parent / _ASIDE / target.name
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        manifest = read_json(source / MANIFEST)
        for file in artifact_files(source):
            _link(file, temporary / file.relative_to(source))
        if (source / CHECKS).exists():
            shutil.copyfile(source / CHECKS, temporary / CHECKS)
    except FileNotFoundError:  # moved aside or deleted while it was read
        shutil.rmtree(temporary, ignore_errors=True)
        return False
    write_json(temporary / MANIFEST, {**manifest, **record, "reused_from": str(source)})
    if damage(temporary):
        shutil.rmtree(temporary)
        return False
    for folder in {file.parent for file in artifact_files(temporary)}:
        sync_directory(folder)
    temporary.rename(target)
    sync_directory(target.parent)
    return True


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy2(source, target)
        with open(target, "rb") as copy:
            os.fsync(copy.fileno())
