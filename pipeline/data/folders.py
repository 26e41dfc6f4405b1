"""Which files of a folder are read, and which split each belongs to."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.folders import files_below
from pipeline.core.references import Resolved
from pipeline.data.files import BESIDE, KINDS, ROWS, ending

DEFAULT_SPLIT = "train"


def files_of(source: Resolved | Artifact, split: str | None) -> list[Path]:
    """The file itself; a folder's files of `split`. Without one: those of `train` if there are any, else all files.

    Of a pattern, all files whose names are such, or those among them of `split`.
    """
    assert source.path is not None
    address = source.address or str(source.path)
    if not source.path.is_dir():
        if split not in (None, DEFAULT_SPLIT):
            raise DataError(f"{address}: a single file has no split {split!r}; give a folder with {split}.jsonl in it")
        return [source.path]
    files = readable_files(source)
    if not files:
        raise DataError(f"{address}: no file here ends in {KINDS}; put the data there")
    if split is None and is_pattern(source):
        return files
    chosen = [file for file in files if split_of(file) == (split or DEFAULT_SPLIT)]
    if chosen or split is None:
        return chosen or files
    raise DataError(f"{address}: no file of the split {split!r}; name one {split}.jsonl, or {split}-00000.jsonl")


def is_pattern(source: Resolved | Artifact) -> bool:
    """Whether the address is a pattern."""
    return isinstance(source, Resolved) and source.pattern is not None


def readable_files(source: Resolved | Artifact) -> list[Path]:
    """Every readable file in the order of its path, without hidden ones and what a corpus dropped.

    Beside files of rows, Markdown and code are no documents unless a pattern names them: they tell of the data.
    """
    folder, pattern = source.path, source.pattern if isinstance(source, Resolved) else None
    assert folder is not None
    found: list[Path] = []
    for path in files_below(folder, pattern):
        parts = path.relative_to(folder).parts
        if ending(path) is None or parts[0] == "dropped" or any(part.startswith(".") for part in parts):
            continue
        if path.is_symlink() and not path.exists():
            raise DataError(f"{path}: a link to nothing; mend it or remove it")
        if path.is_file():
            found.append(path)
    if pattern is None and any(ending(path) in ROWS for path in found):
        return [path for path in found if ending(path) not in BESIDE]
    return found


def split_of(path: Path) -> str:
    """`train` for train.jsonl, train.jsonl.gz and train-00000.jsonl."""
    return path.name.partition(".")[0].split("-")[0]
