"""The quality rules of Gopher, C4 and FineWeb by name, as datatrove has them; what breaks one is dropped.

Papers: Gopher https://arxiv.org/abs/2112.11446 (table A1), C4 https://jmlr.org/papers/v21/20-074.html, FineWeb
https://arxiv.org/abs/2406.17557. datatrove splits words with spaCy, the slowest part of all; here a regular
expression does. Thresholds are datatrove's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport

if TYPE_CHECKING:
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.utils.word_tokenizers import WordTokenizer

_WORD = re.compile(r"\w+(?:['’_.@/:-]\w+)*|\.\.+|--+|[^\w\s]")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+")


def filter_by_quality(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport, rules: Sequence[str]
) -> Iterator[Document]:
    """Let those documents pass that break none of the `rules`; c4 also takes lines out of those that pass."""
    for document in documents:
        before, reason = document.text, None
        for rule in rules:
            document.text, reason = judged(document.text, rule)
            if reason is not None:
                break
        if reason is not None:
            document.text = before
            report.drop(document, reason)
            continue
        if document.text != before:
            report.change(document, before)
        yield document


def judged(text: str, rule: str) -> tuple[str, str | None]:
    """The text as the rule leaves it, and the reason to drop it, if there is one: the rule's name and datatrove's."""
    from datatrove.data import Document as RuledDocument

    ruled = RuledDocument(text=text, id="")
    verdict = _filter(rule).filter(ruled)
    kept, reason = verdict if isinstance(verdict, tuple) else (verdict, "dropped")
    return ruled.text, None if kept else f"{rule}-{_file_name(reason)}"


def _file_name(reason: str) -> str:
    """The reason, as the file of the dropped may be called: `< 3 paragraphs` has signs that none may have."""
    return re.sub(r"\W+", "_", reason.replace("<", "fewer than"))


@cache
def _filter(rule: str) -> BaseFilter:
    """A rule, made once in each process."""
    return RULES[rule](word_splitter())


@cache
def word_splitter() -> WordTokenizer:
    """A word splitter without a model or a language: runs of letters and digits, and each punctuation mark."""
    from datatrove.utils.word_tokenizers import WordTokenizer, simple_span_tokenize

    class PlainSplitter(WordTokenizer):
        def word_tokenize(self, text: str) -> list[str]:
            return _WORD.findall(text)

        def sent_tokenize(self, text: str) -> list[str]:
            return [sentence for sentence in map(str.strip, _SENTENCE_END.split(text)) if sentence]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return list(simple_span_tokenize(text, self.sent_tokenize(text)))

    return PlainSplitter()


def _gopher_quality(words: WordTokenizer) -> BaseFilter:
    from datatrove.pipeline.filters.gopher_quality_filter import GopherQualityFilter

    return GopherQualityFilter(language=words)  # type: ignore[arg-type] -- "Pass in a WordTokenizer directly"


def _gopher_repetition(words: WordTokenizer) -> BaseFilter:
    from datatrove.pipeline.filters.gopher_repetition_filter import GopherRepetitionFilter

    return GopherRepetitionFilter(language=words)  # type: ignore[arg-type]


def _c4(words: WordTokenizer) -> BaseFilter:
    from datatrove.pipeline.filters.c4_filters import C4QualityFilter

    return C4QualityFilter(language=words)  # type: ignore[arg-type]


def _c4_paragraphs(words: WordTokenizer) -> BaseFilter:
    from datatrove.pipeline.filters.c4_filters import C4ParagraphFilter

    return C4ParagraphFilter()


def _fineweb(words: WordTokenizer) -> BaseFilter:
    from datatrove.pipeline.filters.fineweb_quality_filter import FineWebQualityFilter

    return FineWebQualityFilter(language=words)  # type: ignore[arg-type]


RULES: dict[str, Callable[[WordTokenizer], BaseFilter]] = {
    "gopher_quality": _gopher_quality,
    "gopher_repetition": _gopher_repetition,
    "c4": _c4,
    "c4_paragraphs": _c4_paragraphs,
    "fineweb": _fineweb,
}
"""By the names that the setting `quality` takes."""
