"""What cannot be read: one row, or the rest of a file, with the reason under which it is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import DataError

Placed = tuple[str, dict[str, Any]]
"""A row and its place: `file:line`, `builtin:name[train]:row 7`, `hf://datasets/org/name[train]:row 7`."""

EXCERPT = 200
"""Characters that are shown of what could not be read."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be read, or the rest of a file that cannot."""

    place: str
    reason: str
    """Its short name, under which rows are counted: not_json, not_utf8, not_text, missing_column, damaged_file, …"""
    message: str
    """The whole line of an error: place, value and way on."""
    excerpt: str = ""
    """The beginning of what could not be read."""


Item = Placed | BadRow
"""What readers yield: reading goes on after a bad row."""


def bad(place: str, reason: str, said: str, shown: object = "") -> BadRow:
    """A bad row whose message is its place and what is `said` of it."""
    if isinstance(shown, bytes):
        shown = shown[: 4 * EXCERPT].decode("utf-8", "replace")
    text = shown if isinstance(shown, str) else repr(shown)
    return BadRow(place, reason, f"{place}: {said}", text[:EXCERPT])


def handle(on_bad: Callable[[BadRow], None] | None) -> Callable[[BadRow], None]:
    """`on_bad`, or what raises the first bad row as an error when there is none."""
    return on_bad or _refuse


def good_rows(items: Iterable[Item], on_bad: Callable[[BadRow], None] | None = None) -> Iterator[Placed]:
    """The rows that can be read. Each bad one is handed to `on_bad`.

    Raises:
        DataError: for the first bad row, when there is no `on_bad`.
    """
    on_bad = handle(on_bad)
    for item in items:
        if isinstance(item, BadRow):
            on_bad(item)
        else:
            yield item


def _refuse(row: BadRow) -> None:
    raise DataError(row.message)
