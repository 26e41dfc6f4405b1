"""Rows of a data set on the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.bad_rows import Item
from pipeline.data.json_values import json_row


def hub_name(source: Resolved) -> str:
    """The data set's `org/name`."""
    assert source.name is not None
    return source.name.removeprefix("datasets/")


def hub_splits(source: Resolved) -> list[str]:
    """The splits that the Hub names."""
    from datasets import get_dataset_split_names

    return [str(split) for split in get_dataset_split_names(hub_name(source), source.subset, revision=source.revision)]


def read_hub(source: Resolved, split: str, limit: int | None) -> Iterator[Item]:
    """Rows of a data set on the Hub; streamed when only some are wanted, so that not all of it is downloaded."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    address = f"hf://datasets/{hub_name(source)}[{split}]"
    streaming = limit is not None
    try:
        rows: Any = load_dataset(
            hub_name(source), source.subset, split=split, revision=source.revision, streaming=streaming
        )  # type: ignore[call-overload]
    except (DatasetsError, OSError, ValueError) as error:  # OSError: no connection; ValueError: no such subset or split
        reason = " ".join(str(error).split())
        raise DataError(
            f"{address}: cannot be read ({reason:.200}); check the name, the split and the network"
        ) from None
    for number, row in enumerate(rows, start=1):
        yield json_row(row, f"{address}:row {number}")
