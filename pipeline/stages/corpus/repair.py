"""Mend Unicode: text decoded wrongly, control and invisible characters, halves of surrogate pairs; then the composed
form (NFC).

Typography (curly quotes, ligatures, wide letters, HTML entities) is the author's and stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

import ftfy

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.invisible import without_invisible

_CONFIG = ftfy.TextFixerConfig(
    unescape_html=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    normalization="NFC",
    explain=False,
)

# ASCII without control characters needs no repair, and ftfy takes its time to find that out.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def repair(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport
) -> Iterator[Document]:
    """Mend each document's text; nothing is dropped."""
    for document in documents:
        text = repaired(document.text)
        if text != document.text:
            before, document.text = document.text, text
            report.change(document, before)
        yield document


def repaired(text: str) -> str:
    """The text with its Unicode mended."""
    if text.isascii() and not _CONTROL.search(text):
        return text
    mended = ftfy.fix_text(text, _CONFIG)
    seen = without_invisible(mended)
    return mended if seen == mended else unicodedata.normalize("NFC", seen)
