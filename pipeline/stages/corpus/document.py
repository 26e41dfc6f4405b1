"""A document on its way through the steps, and the file that holds documents between two passes."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Document:
    """One document. Steps change `text`; the columns travel with it."""

    text: str
    """The text; before extraction, the page when `is_page`."""
    id: str
    source: str
    """The source as the recipe names it: what the funnel counts by."""
    columns: dict[str, Any] = field(default_factory=dict)
    """The other columns of its row, its own `source` among them."""
    is_page: bool = False
    generated: str | None = None
    """Digest of the text that the column `surprisal` is about, if there is such a column."""

    def row(self) -> dict[str, Any]:
        """The document as the corpus writes it."""
        return {"text": self.text, "id": self.id} | self.columns


class Spool:
    """Documents on disk, in the order they came, for steps that must see all before they can let one pass."""

    def __init__(self, path: Path) -> None:
        """Start with an empty file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = open(path, "w+b")  # noqa: SIM115 -- closed by its owner
        self._offsets = array("Q")

    def add(self, document: Document) -> None:
        """Append a document."""
        values = [document.text, document.id, document.source, document.columns, document.is_page, document.generated]
        self._offsets.append(self._file.tell())
        self._file.write(json.dumps(values).encode("ascii") + b"\n")

    def read(self, index: int) -> Document:
        """One document by its place."""
        self._file.seek(self._offsets[index])
        return Document(*json.loads(self._file.readline()))

    def __iter__(self) -> Iterator[Document]:
        self._file.seek(0)
        for line in self._file:
            yield Document(*json.loads(line))

    def remove(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self.path.unlink()
