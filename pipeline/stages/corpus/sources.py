"""Read the recipe's sources into documents, and judge at the end which still hold what `surprisal` says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.progress import Progress
from pipeline.core.references import Resolved
from pipeline.data.reading import read_documents
from pipeline.data.surprisal import SURPRISAL, TEXT_DIGEST, text_digest
from pipeline.stages.corpus.document import Document

_EVERY = 100


def read_sources(sources: Iterable[tuple[Resolved | Artifact, int | None]], progress: Progress) -> Iterator[Document]:
    """The documents of all sources (each with the number to read), in order."""
    sources = list(sources)
    limits = [limit for _, limit in sources if limit is not None]
    total = sum(limits) if len(limits) == len(sources) else None
    done = 0
    for source, limit in sources:
        for row in read_documents(source, limit):
            yield _document(row, source.address or str(source.path))
            done += 1
            if done % _EVERY == 0:
                progress.update(done, total, unit="document")
    progress.close()


def forget_false_surprisal(documents: Iterable[Document]) -> Iterator[Document]:
    """Set `surprisal` to null where the text's bytes are not those that the generator made."""
    for document in documents:
        if document.generated is not None and text_digest(document.text) != document.generated:
            document.columns[SURPRISAL] = None
            document.generated = None
        yield document


def _document(row: dict[str, Any], address: str) -> Document:
    is_page = "html" in row
    text = row.pop("html" if is_page else "text")
    identity = row.pop("id")
    generated = None
    if row.get(SURPRISAL) is not None:
        # A page holds its text among tags: only a digest can say later whether the extracted text is the generated one.
        generated = row.get(TEXT_DIGEST, "unknown") if is_page else row.get(TEXT_DIGEST) or text_digest(text)
    return Document(text, identity, address, row, is_page, generated)
