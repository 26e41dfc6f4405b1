"""The recipe's sources: divided among tasks, and as documents; at the end, which still hold what `surprisal` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.references import Resolved
from pipeline.data.parts import Part, parts_of
from pipeline.data.surprisal import SURPRISAL, TEXT_DIGEST, text_digest
from pipeline.stages.corpus.document import Document

TASK_BYTES = 64 * 2**20
"""Input of a task, unless the recipe says how many tasks there are."""

Stretch = tuple[Part, ...]
"""What one task reads."""


def divided(sources: Iterable[tuple[Resolved | Artifact, int | None]], tasks: int | None) -> tuple[Stretch, ...]:
    """The parts of all sources (each with the number of rows to read), in order, a stretch of them for each task.

    Stretches are as even in bytes as the parts allow; there may be fewer tasks than asked for.
    """
    parts = [part for source, limit in sources for part in parts_of(source, limit)]
    total = max(1, sum(part.bytes for part in parts))
    count = tasks or max(1, round(total / TASK_BYTES))
    stretches: dict[int, list[Part]] = {}
    before = 0
    for part in parts:
        middle = (before + part.bytes / 2) / total
        stretches.setdefault(min(int(middle * count), count - 1), []).append(part)
        before += part.bytes
    return tuple(map(tuple, stretches.values()))


def address_of(part: Part) -> str:
    """The source of a part as the recipe names it."""
    return part.source.address or str(part.source.path)


def document_of(row: dict[str, Any], address: str) -> Document:
    """A row of a source as a document."""
    is_page = "html" in row
    text = row.pop("html" if is_page else "text")
    identity = row.pop("id")
    generated = None
    if row.get(SURPRISAL) is not None:
        # A page holds its text among tags: only a digest can say later whether the extracted text is the generated one.
        generated = row.get(TEXT_DIGEST, "unknown") if is_page else row.get(TEXT_DIGEST) or text_digest(text)
    return Document(text, identity, address, row, is_page, generated)


def forget_false_surprisal(documents: Iterable[Document]) -> Iterator[Document]:
    """Set `surprisal` to null where the text's bytes are not those that the generator made."""
    for document in documents:
        if document.generated is not None and text_digest(document.text) != document.generated:
            document.columns[SURPRISAL] = None
            document.generated = None
        yield document
