"""The files of a folder, and those that a pattern (`./text/**/*.md`) means. Links to folders are followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.core.errors import DataError

_MAGIC = re.compile(r"[*?\[]")


def split_pattern(path: Path) -> tuple[Path, str | None]:
    """The folder that a pattern starts from, and the pattern below it; None for a path that exists or has no `*?[`."""
    parts = path.parts
    first = next((index for index, part in enumerate(parts) if _MAGIC.search(part)), None)
    if first is None or os.path.exists(path):
        return path, None
    return Path(*parts[:first]), "/".join(parts[first:])


def files_below(folder: Path, pattern: str | None = None) -> list[Path]:
    """Every file under `folder`, or those that match `pattern`, in the order of their paths; links to nothing as well.

    In a pattern `**` stands for any number of folders, `*`, `?` and `[…]` for what they are in a file's name.

    Raises:
        DataError: for a link to a folder that the link itself lies in.
    """
    files = _walk(folder, ())
    if pattern is not None:
        files = (file for file in files if _matches(file.relative_to(folder).parts, pattern.split("/")))
    return sorted(files, key=lambda file: file.relative_to(folder).parts)


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    above = (*above, os.path.realpath(folder))
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if not os.path.isdir(path):  # false for loops of links as well
                yield path
                continue
            if entry.is_symlink() and os.path.realpath(path) in above:
                raise DataError(f"{path}: a link to a folder that it lies in; remove the link")
            yield from _walk(path, above)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path are as the parts of a pattern say."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or (bool(parts) and _matches(parts[1:], pattern))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
