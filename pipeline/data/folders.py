"""Which files of a folder are read, and which split each belongs to."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import DataError
from pipeline.data.files import READERS, ending

DEFAULT_SPLIT = "train"


def files_of(path: Path, split: str | None, address: str) -> list[Path]:
    """The file itself; a folder's files of `split`. Without one: those of `train` if there are any, else all files."""
    if not path.is_dir():
        if split not in (None, DEFAULT_SPLIT):
            raise DataError(f"{address}: a single file has no split {split!r}; give a folder with {split}.jsonl in it")
        return [path]
    files = folder_files(path)
    if not files:
        raise DataError(f"{address}: no file here ends in {', '.join(READERS)}; put the data there")
    chosen = [file for file in files if split_of(file) == (split or DEFAULT_SPLIT)]
    if chosen or split is None:
        return chosen or files
    raise DataError(f"{address}: no file of the split {split!r}; name one {split}.jsonl, or {split}-00000.jsonl")


def folder_files(folder: Path) -> list[Path]:
    """Every readable file under `folder` in the order of its path, without hidden ones and what a corpus dropped."""
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_symlink() and ending(path) and not path.exists():
            raise DataError(f"{path}: a link to nothing; mend it or remove it")
        if path.is_file() and ending(path) and parts[0] != "dropped" and not any(p.startswith(".") for p in parts):
            found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def split_of(path: Path) -> str:
    """`train` for train.jsonl and for train-00000.jsonl."""
    return path.name.removesuffix(ending(path) or "").split("-")[0]
