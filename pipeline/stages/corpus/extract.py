"""Take the main text out of web pages; plain documents pass as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport


def extract(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport
) -> Iterator[Document]:
    """Pages become their main text, without comments; one without any is dropped as `no_text`."""
    for document in documents:
        if document.is_page:
            text = main_text(document.text)
            if not text:
                report.drop(document, "no_text")
                continue
            document.text, document.is_page = text, False
        yield document


def main_text(html: str) -> str | None:
    """The main text of a page, by trafilatura."""
    from trafilatura import extract as extract_page  # imported with the first page: it costs a quarter of a second

    return extract_page(html, include_comments=False)
