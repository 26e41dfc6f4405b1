"""Mend Unicode: text decoded wrongly, control and invisible characters, halves of surrogate pairs; then the composed
form (NFC).

Typography (curly quotes, ligatures, wide letters, HTML entities) is the author's and stays.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator

import ftfy
from ftfy.badness import is_bad
from ftfy.chardata import CONTROL_CHARS

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.invisible import without_invisible

FTFY = ftfy.TextFixerConfig(
    unescape_html=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    normalization="NFC",
    explain=False,
)

_NEVER_SOUND = re.compile("[{}\x80-\x9f\ud800-\udfff]".format(re.escape("".join(map(chr, CONTROL_CHARS)))))
"""What ftfy removes or replaces wherever it stands: control characters, and halves of surrogate pairs."""
_MAY_BE_BAD = re.compile("[^\x00-\x7f]{2}|[ÂÃŒœ]")
"""What all of ftfy's patterns of wrongly decoded text have in them; its own search for them is ten times as slow."""


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
    mended = decoded_rightly(text)
    if mended.isascii():
        return mended
    seen = without_invisible(mended)
    return mended if seen == mended else unicodedata.normalize("NFC", seen)


def decoded_rightly(text: str) -> str:
    """What ftfy makes of the text. It works line by line, and is asked only about lines that need it."""
    if _is_plain(text):
        return text
    return "".join(line if is_sound(line) else ftfy.fix_text(line, FTFY) for line in io.StringIO(text, newline="\n"))


def is_sound(line: str) -> bool:
    """Whether ftfy would leave the line as it is, by its own conditions."""
    return _is_plain(line) or (not _is_unsound(line) and not is_bad(line))


def _is_plain(text: str) -> bool:
    return not _is_unsound(text) and (text.isascii() or not _MAY_BE_BAD.search(text))


def _is_unsound(text: str) -> bool:
    return bool(_NEVER_SOUND.search(text)) or not unicodedata.is_normalized("NFC", text)
