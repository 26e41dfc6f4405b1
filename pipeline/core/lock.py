"""A lock on a run's folder, held by the operating system: it is free again when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.errors import RunError


@contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Keep other runs out of `folder`, or out of that part of it that the lock file `name` stands for.

    Raises:
        RunError: when another process is in it, or when it cannot be a folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(path for path in (folder, *folder.parents) if path.exists() and not path.is_dir())
        raise RunError(f"{file}: a file where a folder is due; give another --runs or --name") from None
    with open(folder / name, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RunError(
                f"{folder}: another run is in this folder ({holder}); wait for it, or use --name NEW"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def is_locked(folder: Path, name: str = ".lock") -> bool:
    """Whether another process is in `folder` at this moment."""
    path = folder / name
    if not path.exists():
        return False
    with open(path, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
