"""Take the main text out of web pages; plain documents pass as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport


def extract(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport, extractor: str = "precise"
) -> Iterator[Document]:
    """Pages become their main text, without comments; one without any is dropped as `no_text`."""
    for document in documents:
        if document.is_page:
            text = main_text(document.text, extractor)
            if not text:
                report.drop(document, "no_text")
                continue
            document.text, document.is_page = text, False
        yield document


def main_text(html: str, extractor: str = "precise") -> str | None:
    """The main text of a page, by one of the `EXTRACTORS`."""
    return EXTRACTORS[extractor](html)


def _precise(html: str) -> str | None:
    from trafilatura import extract as extract_page  # imported with the first page: it costs a quarter of a second

    return extract_page(html, include_comments=False)


def _fast(html: str) -> str | None:
    from resiliparse.extract.html2text import extract_plain_text

    whole = html.encode("utf-8", "replace").decode("utf-8")  # it takes no halves of surrogate pairs
    return extract_plain_text(whole, main_content=True, comments=False, alt_texts=False, post_meta=False)


EXTRACTORS: dict[str, Callable[[str], str | None]] = {"precise": _precise, "fast": _fast}
"""By the names of the setting `extract`."""
