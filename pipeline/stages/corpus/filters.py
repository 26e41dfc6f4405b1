"""Drop documents that are hardly text: broken Unicode, too short or long, the same lines and phrases over and over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pipeline.stages.corpus.config import Filters
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport

PHRASE_WORDS = 5
PHRASE_COUNT = 3
"""How often a phrase must stand in a document before its share counts: short texts repeat a phrase once by chance."""


def filter_documents(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport, filters: Filters
) -> Iterator[Document]:
    """Let those documents pass that break no rule; the others are dropped for the first rule they break."""
    for document in documents:
        reason = broken_rule(document.text, filters)
        if reason is None:
            yield document
        else:
            report.drop(document, reason)


def broken_rule(text: str, filters: Filters) -> str | None:
    """The first rule that `text` breaks."""
    if not _is_unicode(text):
        return "broken_unicode"
    characters = len(text.strip())
    if characters < filters.min_characters:
        return "too_short"
    if filters.max_characters is not None and characters > filters.max_characters:
        return "too_long"
    lines, phrases = filters.max_duplicate_line_share, filters.max_top_phrase_share
    if lines is not None and duplicate_line_share(text) > lines:
        return "repeated_lines"
    if phrases is not None and top_phrase_share(text, above=phrases) > phrases:
        return "repeated_phrase"
    return None


def _is_unicode(text: str) -> bool:
    """Whether the text can be written as UTF-8: halves of surrogate pairs cannot, and only `repair` mends them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def duplicate_line_share(text: str) -> float:
    """Share of the non-empty lines that repeat an earlier line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


def top_phrase_share(text: str, above: float = 0.0) -> float:
    """Share of the words that the commonest run of five words makes up; 0 when it stands there once or twice.

    Also 0 where no word is common enough for a share of more than `above`: counting words is quicker than runs.
    """
    words = text.split()
    commonest = max(Counter(words).values(), default=0)
    if commonest < PHRASE_COUNT or commonest * PHRASE_WORDS <= above * len(words):
        return 0.0
    phrases = Counter(zip(*(words[start:] for start in range(PHRASE_WORDS)), strict=False))
    count = max(phrases.values(), default=0)
    return count * PHRASE_WORDS / len(words) if count >= PHRASE_COUNT else 0.0
