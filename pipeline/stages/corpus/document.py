"""A document on its way through the steps."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    index: int = -1
    """Its place among the documents of all tasks, in reading order; known once all are clean."""

    def row(self) -> dict[str, Any]:
        """The document as the corpus writes it."""
        return {"text": self.text, "id": self.id} | self.columns
