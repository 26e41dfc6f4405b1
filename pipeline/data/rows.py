"""Raw rows of any data input, each with the place it stands at: files, folders, builtins, the Hub, artifacts.

Only what every row must be is checked here (JSON, UTF-8, finite numbers, the columns that the recipe names);
what a document or a conversation must be is `reading`'s and `messages`' matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE
from pipeline.data.files import READERS, ending, read_file

Row = dict[str, Any]
Placed = tuple[str, Row]
"""A row and its place: `file:line`, `builtin:name[train]:row 7`, `hf://datasets/org/name[train]:row 7`."""

DEFAULT_SPLIT = "train"


class PlacedRow(dict[str, Any]):
    """A row that still knows its place: that it is too long for a model is found long after it was read."""

    def __init__(self, values: Row, place: str) -> None:
        """The row `values`, read at `place`."""
        super().__init__(values)
        self.place = place


def place_of(row: Mapping[str, Any], otherwise: str) -> str:
    """Where a row stands: as it was read, or `otherwise` for one that was made."""
    return getattr(row, "place", otherwise)


def read_rows(source: Resolved | Artifact, split: str | None = None, limit: int | None = None) -> Iterator[Placed]:
    """The rows of `split` (the source's own when left out), at most `limit`, columns under our names.

    Raises:
        DataError: with the place, for a row that cannot be read, a missing column, or a source without rows.
    """
    columns = {} if isinstance(source, Artifact) else source.columns
    rows = _rename(islice(_open(source, split, limit), limit), columns)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{source.address or source.path}: no row in it; give data that has at least one")
    yield first
    yield from rows


def splits(source: Resolved | Artifact) -> list[str]:
    """The splits that can be read; `train` alone for a single file and for a folder without split files."""
    if isinstance(source, Resolved) and source.scheme == "builtin":
        return list(CATALOGUE["data", _name(source)].splits)
    if isinstance(source, Resolved) and source.scheme == "hf":
        from datasets import get_dataset_split_names

        return [str(split) for split in get_dataset_split_names(_name(source), source.subset, revision=source.revision)]
    assert source.path is not None
    files = _folder_files(source.path) if source.path.is_dir() else []
    return sorted({_split_of(path) for path in files} & {"train", "validation", "test"}) or [DEFAULT_SPLIT]


def _open(source: Resolved | Artifact, split: str | None, limit: int | None) -> Iterator[Placed]:
    if isinstance(source, Artifact):
        return _read_path(source.path, split, source.address or str(source.path))
    split = split or source.split
    if source.scheme == "builtin":
        return _read_builtin(_name(source), split)
    if source.scheme == "hf":
        return _read_hub(source, split or DEFAULT_SPLIT, limit)
    assert source.path is not None
    return _read_path(source.path, split, source.address)


def _name(source: Resolved) -> str:
    """The builtin's name, or the data set's `org/name` on the Hub."""
    assert source.name is not None
    return source.name.removeprefix("datasets/")


def _read_builtin(name: str, split: str | None) -> Iterator[Placed]:
    builtin = CATALOGUE["data", name]
    split = split or builtin.splits[0]
    if split not in builtin.splits:
        raise DataError(f"builtin:{name}: no split {split!r}; it has {', '.join(builtin.splits)}")
    for number, row in enumerate(builtin.open(split), start=1):
        yield f"builtin:{name}[{split}]:row {number}", row


def _read_hub(source: Resolved, split: str, limit: int | None) -> Iterator[Placed]:
    """Rows of a data set on the Hub; streamed when only some are wanted, so that not all of it is downloaded."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    address = f"hf://datasets/{_name(source)}[{split}]"
    streaming = limit is not None
    try:
        rows: Any = load_dataset(
            _name(source), source.subset, split=split, revision=source.revision, streaming=streaming
        )  # type: ignore[call-overload]
    except (DatasetsError, OSError, ValueError) as error:  # OSError: no connection; ValueError: no such subset or split
        reason = " ".join(str(error).split())
        raise DataError(
            f"{address}: cannot be read ({reason:.200}); check the name, the split and the network"
        ) from None
    for number, row in enumerate(rows, start=1):
        place = f"{address}:row {number}"
        yield place, {name: _json_value(value, f"{place}: {name}") for name, value in row.items()}


def _json_value(value: Any, path: str) -> Any:
    """A column's value as JSON has it; dates become text."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{path}: {value} is no finite number; remove the row or correct it")
    return value


def _read_path(path: Path, split: str | None, address: str) -> Iterator[Placed]:
    if not path.is_dir():
        if split not in (None, DEFAULT_SPLIT):
            raise DataError(f"{address}: a single file has no split {split!r}; give a folder with {split}.jsonl in it")
        yield from read_file(path)
        return
    for file in _select(path, split, address):
        yield from read_file(file)


def _select(folder: Path, split: str | None, address: str) -> list[Path]:
    """The folder's files of `split`. Without one: those of `train` if there are any, else all files."""
    files = _folder_files(folder)
    if not files:
        raise DataError(f"{address}: no file here ends in {', '.join(READERS)}; put the data there")
    chosen = [path for path in files if _split_of(path) == (split or DEFAULT_SPLIT)]
    if chosen or split is None:
        return chosen or files
    raise DataError(f"{address}: no file of the split {split!r}; name one {split}.jsonl, or {split}-00000.jsonl")


def _folder_files(folder: Path) -> list[Path]:
    """Every readable file under `folder` in the order of its path, without hidden ones and what a corpus dropped."""
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_symlink() and ending(path) and not path.exists():
            raise DataError(f"{path}: a link to nothing; mend it or remove it")
        if path.is_file() and ending(path) and parts[0] != "dropped" and not any(p.startswith(".") for p in parts):
            found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def _split_of(path: Path) -> str:
    """`train` for train.jsonl and for train-00000.jsonl."""
    return path.name.removesuffix(ending(path) or "").split("-")[0]


def names_of(row: Row) -> str:
    """A row's columns as errors show them."""
    names = ", ".join(row) or "none"
    return names if len(names) <= 100 else names[:97] + "..."


def _rename(rows: Iterable[Placed], columns: dict[str, str]) -> Iterator[Placed]:
    """Rows with our column names, `columns` being ours to theirs; other columns keep their names."""
    for place, row in rows:
        for ours, theirs in columns.items():
            if theirs not in row:
                raise DataError(f"{place}: no column {theirs!r} (wanted as {ours!r}); the row has {names_of(row)}")
        if columns:
            taken = set(columns.values()) | set(columns)
            row = {ours: row[theirs] for ours, theirs in columns.items()} | {
                name: value for name, value in row.items() if name not in taken
            }
        yield place, row
