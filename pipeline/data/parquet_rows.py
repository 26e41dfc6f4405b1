"""Parquet by pyarrow, a few rows of a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.data.bad_rows import Item, bad
from pipeline.data.json_values import json_row

_BATCH_BYTES = 4 * 2**20
_MOST_ROWS = 1024
_BUFFER = 2**20


def read_parquet(
    file: BinaryIO, path: str, first: int = 1, start: int = 0, groups: int | None = None
) -> Iterator[Item]:
    """The rows of `groups` row groups from group `start` (of all when left out); the first is row `first`."""
    try:
        table = _open(file)
        stop = table.num_row_groups if groups is None else start + groups
        for number, row in enumerate(_rows(table, range(start, stop)), start=first):
            yield json_row(row, f"{path}:row {number}")
    except _faults() as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        yield bad(path, "damaged_file", _damaged(error))


def _faults() -> tuple[type[Exception], ...]:
    """What pyarrow raises for a damaged file; a name in it that is not UTF-8 as well."""
    import pyarrow

    return pyarrow.ArrowException, OSError, UnicodeDecodeError


def _damaged(error: Exception) -> str:
    return f"damaged Parquet file ({' '.join(str(error).split())[:100]}); fetch it again"


def row_groups(file: BinaryIO) -> list[tuple[int, int]]:
    """The rows and the bytes of text of each row group; none of a damaged file."""
    try:
        metadata = _open(file).metadata
    except _faults():
        return []
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    return [(group.num_rows, group.total_byte_size) for group in groups]


def _open(file: BinaryIO) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)


def _rows(table: Any, groups: range) -> Iterator[dict[str, Any]]:
    for index in groups:
        group = table.metadata.row_group(index)
        row_bytes = max(1, group.total_byte_size // max(1, group.num_rows))
        size = max(1, min(_MOST_ROWS, _BATCH_BYTES // row_bytes))
        for batch in table.iter_batches(size, row_groups=[index], use_threads=False):
            yield from _plain(batch)


def _plain(batch: Any) -> list[dict[str, Any]]:
    """The rows of a batch; text as bytes where a row's is not UTF-8, so that this row alone is bad."""
    try:
        return batch.to_pylist()
    except UnicodeDecodeError:
        return _as_bytes(batch).to_pylist()


def _as_bytes(batch: Any) -> Any:
    import pyarrow
    from pyarrow import types

    for index, field in enumerate(batch.schema):
        if types.is_string(field.type) or types.is_large_string(field.type):
            batch = batch.set_column(index, field.name, batch.column(index).cast(pyarrow.large_binary()))
    return batch
