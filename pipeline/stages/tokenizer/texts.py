"""The texts a tokenizer learns from: documents as they are, messages as the chat template writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.messages import as_messages, check_text
from pipeline.data.rows import names_of, read_rows

_MESSAGE_COLUMNS = {"messages": "user", "prompt": "user", "completion": "assistant"}


class Text(str):
    """A text that knows where it is from."""

    source: str
    """The source of its row; the address of the input where the row names none."""
    language: str | None
    """Its row's column `language`."""


def texts(sources: Iterable[Resolved | Artifact]) -> Iterator[Text]:
    """Every text of every source, in order."""
    for source in sources:
        for place, row in read_rows(source):
            named, language = row.get("source"), row.get("language")
            for content in _texts_of(row, place):
                text = Text(content)
                text.source = named if isinstance(named, str) else str(source.address)
                text.language = language if isinstance(language, str) else None
                yield text


def _texts_of(row: dict[str, Any], place: str) -> Iterator[str]:
    if "text" in row:
        yield check_text(row["text"], place, "text")
        return
    columns = [name for name in _MESSAGE_COLUMNS if name in row]
    if not columns:
        raise DataError(
            f"{place}: no column 'text', 'messages' or 'prompt'; the row has {names_of(row)}. "
            "`columns: {text: …}` in the recipe names the one to read; web pages go through a corpus stage first"
        )
    for name in columns:
        for message in as_messages(row[name], _MESSAGE_COLUMNS[name], place, name):
            # With the space that the chat template puts before it, so that its first word is a word of running text.
            yield " " + message["content"]
