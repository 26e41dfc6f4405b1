"""Texts worked on together: enough to be quick, few enough to lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def batches(
    items: Iterable[Item], characters: Callable[[Item], int], most_characters: int, most_items: int | None = None
) -> Iterator[list[Item]]:
    """The items in order; a batch ends with the item that brings it to `most_characters`, or with `most_items`."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += characters(item)
        if size >= most_characters or len(batch) == most_items:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
