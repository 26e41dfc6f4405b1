"""Which files of a folder are read, and which split each belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.folders import files_below
from pipeline.core.references import Resolved
from pipeline.core.remote import RemoteFile, is_http
from pipeline.data.files import BESIDE, KINDS, ROWS, ending

DEFAULT_SPLIT = "train"


def files_of(source: Resolved | Artifact, split: str | None) -> list[Path] | list[RemoteFile]:
    """The file itself; a folder's files of `split`. Without one: those of `train` if there are any, else all files.

    Of a pattern, all files whose names are such, or those among them of `split`.
    """
    address = source.address or str(source.path)
    single = _single_file(source)
    if single is not None:
        if split not in (None, DEFAULT_SPLIT):
            raise DataError(f"{address}: a single file has no split {split!r}; give a folder with {split}.jsonl in it")
        return single
    files = readable_files(source)
    if not files:
        raise DataError(f"{address}: no file here ends in {KINDS}; put the data there")
    if split is None and is_pattern(source):
        return files
    chosen: Any = [file for file in files if split_of(file) == (split or DEFAULT_SPLIT)]
    if chosen or split is None:
        return chosen or files
    raise DataError(f"{address}: no file of the split {split!r}; name one {split}.jsonl, or {split}-00000.jsonl")


def _single_file(source: Resolved | Artifact) -> list[Path] | list[RemoteFile] | None:
    if isinstance(source, Resolved) and source.scheme == "url":
        whole = len(source.files) == 1 and source.address.rstrip("/").endswith(source.files[0].inside)
        return list(source.files) if whole or is_http(source.address) else None
    assert source.path is not None
    return None if source.path.is_dir() else [source.path]


def is_pattern(source: Resolved | Artifact) -> bool:
    """Whether the address is a pattern."""
    if isinstance(source, Artifact):
        return False
    return source.pattern is not None or (source.scheme == "url" and "*" in source.address)


def path_in(source: Resolved | Artifact, file: Path | RemoteFile) -> str:
    """A file's path in the folder that is read; its name where the file itself is."""
    if isinstance(file, RemoteFile):
        return file.inside
    assert source.path is not None
    return file.relative_to(source.path).as_posix() if source.path.is_dir() else file.name


def readable_files(source: Resolved | Artifact) -> list[Path] | list[RemoteFile]:
    """Every readable file in the order of its path, without hidden ones and what a corpus dropped.

    Beside files of rows, Markdown and code are no documents unless a pattern names them: they tell of the data.
    """
    found: Any = [file for file in _all_files(source) if ending(file) and _is_shown(path_in(source, file))]
    for path in found:
        if isinstance(path, Path) and path.is_symlink() and not path.exists():
            raise DataError(f"{path}: a link to nothing; mend it or remove it")
    found = [file for file in found if isinstance(file, RemoteFile) or file.is_file()]
    if not is_pattern(source) and any(ending(file) in ROWS for file in found):
        return [file for file in found if ending(file) not in BESIDE]
    return found


def _all_files(source: Resolved | Artifact) -> Iterable[Path] | Iterable[RemoteFile]:
    if isinstance(source, Resolved) and source.scheme == "url":
        return source.files
    assert source.path is not None
    return files_below(source.path, source.pattern if isinstance(source, Resolved) else None)


def _is_shown(inside: str) -> bool:
    parts = inside.split("/")
    return parts[0] != "dropped" and not any(part.startswith(".") for part in parts)


def split_of(path: Path | RemoteFile) -> str:
    """`train` for train.jsonl, train.jsonl.gz and train-00000.jsonl."""
    return path.name.partition(".")[0].split("-")[0]
