"""How large data is, from its first rows: how many rows, how much text in each. No torch, and a tenth of a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.estimates import EstimateContext, Figure
from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE
from pipeline.data.held_out import HELD_OUT_PAIRS, rows_to_train_on
from pipeline.data.parts import WholeFile, pieces_of
from pipeline.data.rows import read_rows
from pipeline.data.streams import packing

_ROWS = 200
_SECONDS = 0.1
_WHOLE = 2_000_000
"""Bytes of a file that is read to its end, so that its rows are counted."""
BYTES_PER_TOKEN = 4.0
"""Assumed of a tokenizer that is not made yet."""
_MARKS = 3
"""Tokens that a chat template adds to a message: its role, its end, a share of what begins and asks."""


@dataclass(frozen=True)
class DataSize:
    """What is known of a data set without reading all of it; None for what is not."""

    rows: int | None
    row_bytes: float | None
    """Bytes of text in a row, by its first rows."""
    longest_bytes: int | None = None
    """The most of them."""
    row_messages: float = 0.0
    """Messages in a row; 0 for documents."""

    def row_tokens(self, bytes_per_token: float | None) -> float | None:
        """Tokens in a row, about."""
        if self.row_bytes is None:
            return None
        return self.row_bytes / (bytes_per_token or BYTES_PER_TOKEN) + max(2.0, _MARKS * self.row_messages)

    def longest_tokens(self, bytes_per_token: float | None) -> int:
        """Tokens in the longest row, about; 0 where nothing is known."""
        text = (self.longest_bytes or 0) / (bytes_per_token or BYTES_PER_TOKEN)
        return round(text + max(2.0, _MARKS * self.row_messages))


UNKNOWN = DataSize(None, None)


def size_of(source: Resolved | Artifact, split: str | None = None) -> DataSize:
    """The size of a data input; unknown of what lies on the Hub, or takes seconds to read."""
    if isinstance(source, Resolved) and source.scheme == "hf":
        return UNKNOWN
    rows = None
    if isinstance(source, Resolved) and source.scheme == "builtin":
        builtin = CATALOGUE["data", str(source.name)]
        if builtin.slow:
            return UNKNOWN
        rows = builtin.rows.get(split or source.split or builtin.splits[0])
    elif not (source.path and source.path.exists()):
        return UNKNOWN
    try:
        whole = rows is None and _is_small(source, split)
        read = list(_first_rows(source, split, None if whole else _ROWS))
    except DataError:  # the stage will say so, with the place
        return UNKNOWN
    texts = [_texts(row) for row in read]
    sizes = [sum(len(text.encode("utf-8", "surrogatepass")) for text in row) for row in texts]
    messages = fmean(len(row) for row in texts) if "text" not in read[0] and "html" not in read[0] else 0.0
    return DataSize(rows or (len(read) if whole else None), fmean(sizes), max(sizes), messages)


def _is_small(source: Resolved | Artifact, split: str | None) -> bool:
    """Whether all of it can be read at once: files that are not packed, since nobody knows what those hold."""
    files = [piece for piece in pieces_of(source, split) if isinstance(piece, WholeFile)]
    return sum(file.bytes for file in files) <= _WHOLE and not any(packing(file.path.name) for file in files)


def _first_rows(source: Resolved | Artifact, split: str | None, limit: int | None) -> Iterator[dict[str, Any]]:
    deadline = time.monotonic() + _SECONDS
    for _, row in islice(read_rows(source, split, limit), limit):
        yield row
        if limit is not None and time.monotonic() > deadline:
            return


def _texts(row: dict[str, Any]) -> list[str]:
    """The texts of a row: its document, or its messages."""
    for name in ("text", "html"):
        if isinstance(row.get(name), str):
            return [row[name]]
    texts: list[str] = []
    for name in ("messages", "prompt", "completion"):
        value = row.get(name)
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            texts += [
                str(message["content"]) for message in value if isinstance(message, dict) and "content" in message
            ]
    return texts


def pairs_to_train_on(
    source: Resolved | Artifact, validation: object, context: EstimateContext
) -> tuple[Figure | None, Figure | None]:
    """Preference pairs that a training reads, and the tokens of both sides of one, as far as is known before it."""
    foreseen = context.foreseen(source)
    if foreseen and not context.can_open(source):
        return foreseen["pairs"], foreseen["pair_tokens"]
    size = size_of(source, "train" if isinstance(source, Artifact) else None)
    pairs = source.metrics.get("pairs") if isinstance(source, Artifact) else None
    if pairs is None and size.rows is not None:
        pairs = rows_to_train_on(size.rows, source, validation, HELD_OUT_PAIRS)
    return Figure(pairs) if pairs else None, foreseen.get("pair_tokens")
