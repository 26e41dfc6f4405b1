"""Rows of a data set on the Hub, streamed: nothing is downloaded before it is read, or kept afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.bad_rows import Item
from pipeline.data.json_values import json_row

_SLICE = re.compile(r"([\w.-]+)\[(\d*):(\d*)\]")
"""Rows of a split as `datasets` writes them, `train[100:200]`; a stream can skip and stop, not count from its end."""


def hub_name(source: Resolved) -> str:
    """The data set's `org/name`."""
    assert source.name is not None
    return source.name.removeprefix("datasets/")


def hub_splits(source: Resolved) -> list[str]:
    """The splits that the Hub names.

    Raises:
        DataError: when there is no such data set.
    """
    from datasets import get_dataset_split_names

    try:
        names = get_dataset_split_names(hub_name(source), source.subset, revision=source.revision)
    except (*_faults(), ValueError) as error:  # ValueError: no such subset
        said = f"cannot be read ({_reason(error)}); check the name and the network"
        raise DataError(f"hf://datasets/{hub_name(source)}: {said}") from None
    return [str(name) for name in names]


def hub_shards(source: Resolved, split: str) -> tuple[int, int]:
    """How many shards (files) a split has, and the bytes of a shard on average; 0 where the Hub does not say.

    Raises:
        DataError: when there is no such data set, split or column; the message lists what there is.
    """
    rows = _open(source, split)
    for ours, theirs in source.columns.items():
        if rows.features is not None and theirs not in rows.features:
            there = ", ".join(rows.features)
            raise DataError(
                f"{_address(source, split)}: no column {theirs!r} (wanted as {ours!r}); it has {there:.200}"
            )
    known = (rows.info.splits or {}).get(split)
    shards = 1 if "[" in split else rows.num_shards  # a stretch of a split is counted over its shards, in their order
    return shards, (known.num_bytes or 0) // shards if known else 0


def read_hub(source: Resolved, split: str, shard: int, shards: int) -> Iterator[Item]:
    """The rows of one shard of a split, placed by their number, after that of the shard where there are several."""
    address = _address(source, split)
    prefix = f"{address}:shard {shard + 1} row" if shards > 1 else f"{address}:row"
    rows, number = _open(source, split), 0
    rows = rows.shard(shards, shard) if shards > 1 else rows
    try:
        for number, row in enumerate(rows, start=1):
            yield json_row(row, f"{prefix} {number}")
    except _faults() as error:
        raise DataError(
            f"{prefix} {number + 1}: cannot be read ({_reason(error)}); check the network, run again"
        ) from None


def _open(source: Resolved, split: str) -> Any:
    from datasets import load_dataset

    found = _SLICE.fullmatch(split)
    options: dict[str, Any] = {"revision": source.revision}
    try:
        if not found:  # a share of a split, or its end: its rows must be counted, so all of it is downloaded
            streaming = "[" not in split
            return load_dataset(hub_name(source), source.subset, split=split, streaming=streaming, **options)
        rows = load_dataset(hub_name(source), source.subset, split=found[1], streaming=True, **options)
        first = int(found[2] or 0)
        rows = rows.skip(first) if first else rows
        return rows.take(int(found[3]) - first) if found[3] else rows
    except (*_faults(), ValueError) as error:  # ValueError: no such subset or split
        said = f"cannot be read ({_reason(error)}); check the name, the split and the network"
        raise DataError(f"{_address(source, split)}: {said}") from None


def _address(source: Resolved, split: str) -> str:
    return f"hf://datasets/{hub_name(source)}[{split}]"


def _faults() -> tuple[type[Exception], ...]:
    """What the library raises, after attempts of its own, when the Hub does not give what it is asked for."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError

    return DatasetsError, HTTPError, OSError


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
