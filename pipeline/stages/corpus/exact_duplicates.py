"""Drop documents whose text is the same but for white space, keeping the one with the lowest id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from xxhash import xxh3_128_digest

from pipeline.stages.corpus.document import Document, Spool
from pipeline.stages.corpus.funnel import StepReport


def drop_exact_duplicates(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport, work: Path
) -> Iterator[Document]:
    """Two passes: find each text's lowest id, then let that document pass. Memory: 16 bytes and an id for each text."""
    spool = Spool(work / f"exact-{rank}.jsonl")
    kept: dict[bytes, tuple[str, str, int]] = {}
    for place, document in enumerate(documents):
        digest = text_key(document.text)
        candidate = (document.id, document.source, place)
        kept[digest] = min(kept.get(digest, candidate), candidate)
        spool.add(document)
    for place, document in enumerate(spool):
        identity, source, kept_place = kept[text_key(document.text)]
        if kept_place == place:
            yield document
        else:
            report.drop(document, "exact_duplicate", of=f"{identity} ({source})")
    spool.remove()


def text_key(text: str) -> bytes:
    """The same for two texts exactly when they differ in white space alone."""
    return xxh3_128_digest(" ".join(text.split()).encode("utf-8", "surrogatepass"))
