"""Raw rows of any data input, each with the place it stands at: files, folders, builtins, the Hub, artifacts.

Only what every row must be is checked here (JSON, UTF-8, finite numbers, the columns that the recipe names);
what a document or a conversation must be is `reading`'s and `messages`' matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.bad_rows import BadRow, Item, Placed, bad, good_rows
from pipeline.data.builtin import CATALOGUE
from pipeline.data.folders import DEFAULT_SPLIT, readable_files, split_of
from pipeline.data.hub_rows import hub_splits
from pipeline.data.parts import Part, pieces_of

Row = dict[str, Any]


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
    rows = good_rows(read_items(Part(source, tuple(pieces_of(source, split)), limit)))
    first = next(rows, None)
    if first is None:
        raise DataError(f"{source.address or source.path}: no row in it; give data that has at least one")
    yield first
    yield from rows


def read_items(part: Part) -> Iterator[Item]:
    """The rows of a part, columns under our names, and what could not be read of it."""
    columns = {} if isinstance(part.source, Artifact) else part.source.columns
    return _rename(part.items(), columns) if columns else part.items()


def splits(source: Resolved | Artifact) -> list[str]:
    """The splits that can be read; `train` alone for a single file and for a folder without split files."""
    if isinstance(source, Resolved) and source.scheme == "builtin":
        return list(CATALOGUE["data", str(source.name)].splits)
    if isinstance(source, Resolved) and source.scheme == "hf":
        return hub_splits(source)
    files = readable_files(source) if source.path is None or source.path.is_dir() else []
    return sorted({split_of(path) for path in files} & {"train", "validation", "test"}) or [DEFAULT_SPLIT]


def names_of(row: Row) -> str:
    """A row's columns as errors show them."""
    names = ", ".join(row) or "none"
    return names if len(names) <= 100 else names[:97] + "..."


def _rename(items: Iterable[Item], columns: dict[str, str]) -> Iterator[Item]:
    """Rows with our column names, `columns` being ours to theirs; other columns keep their names."""
    taken = set(columns.values()) | set(columns)
    for item in items:
        yield item if isinstance(item, BadRow) else _renamed(*item, columns, taken)


def _renamed(place: str, row: Row, columns: dict[str, str], taken: set[str]) -> Item:
    for ours, theirs in columns.items():
        if theirs not in row:
            said = f"no column {theirs!r} (wanted as {ours!r}); the row has {names_of(row)}"
            return bad(place, "missing_column", said, row)
    others = {name: value for name, value in row.items() if name not in taken}
    return place, {ours: row[theirs] for ours, theirs in columns.items()} | others
