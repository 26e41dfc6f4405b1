"""Drop what is on a blocklist, and put marks in place of what identifies a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.reading import read_documents
from pipeline.stages.corpus.blocklist import Blocklist
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.pii import without_pii


def make_safe(
    documents: Iterable[Document],
    rank: int = 0,
    world_size: int = 1,
    *,
    report: StepReport,
    blocked: tuple[str, ...] = (),
    pii: Sequence[str] = (),
) -> Iterator[Document]:
    """Drop documents with an entry of `blocked` in them, as `blocked`; replace the kinds of `pii` in the others."""
    blocklist = _blocklist(blocked)
    for document in documents:
        entry = blocklist.find(document.text) if blocked else None
        if entry is not None:
            report.drop(document, "blocked", entry=entry)
            continue
        before, document.text = document.text, without_pii(document.text, pii)
        if document.text != before:
            report.change(document, before)
        yield document


def blocked_entries(listed: Sequence[str], source: Resolved | Artifact | None) -> tuple[str, ...]:
    """The recipe's own entries and those of its file: one a line, or one a row with a column `text`."""
    rows = read_documents(source) if source is not None else ()
    lines = (line.strip() for row in rows for line in row.get("text", "").splitlines())
    entries = (*listed, *filter(None, lines))
    if source is not None and len(entries) == len(listed):
        raise DataError(f"{source.address}: no word in it to be blocked; give a text file with one a line")
    return entries


@lru_cache(maxsize=1)
def _blocklist(entries: tuple[str, ...]) -> Blocklist:
    """Made ready once in each process."""
    return Blocklist(entries)
