"""Typed rows from any data input: documents, conversations, prompts, preference pairs.

Each function checks every row and names the place of the first that will not do. `read_part` can hand bad rows over
instead, and go on. Where rows come from is `rows`' work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.bad_rows import BadRow, Item, bad, handle
from pipeline.data.judge import Message
from pipeline.data.messages import as_messages, check_messages, check_turns
from pipeline.data.parts import Part
from pipeline.data.rows import PlacedRow, Row, names_of, read_items, read_rows, splits

__all__ = ["BadRow", "read_conversations", "read_documents", "read_pairs", "read_part", "read_prompts", "splits"]


def read_documents(
    source: Resolved | Artifact, limit: int | None = None, split: str | None = None
) -> Iterator[dict[str, Any]]:
    """Documents: `text` or `html`, `id`, `source` (its address, unless the row says), and the row's other columns.

    The id is the row's own, else its place under the source's address. The text may be empty and may hold
    broken Unicode: cleaning is the corpus stage's work.
    """
    return _documents(read_rows(source, split, limit), source, None)


def read_part(part: Part, on_bad: Callable[[BadRow], None] | None = None) -> Iterator[dict[str, Any]]:
    """The documents of one part of a source, as `read_documents` yields them; ids are those of the whole source.

    Each row that will not do is handed to `on_bad`, and reading goes on; of a damaged file, the rest is one such row.

    Raises:
        DataError: for the first row that will not do, when there is no `on_bad`.
    """
    return _documents(read_items(part), part.source, on_bad)


def read_conversations(source: Resolved | Artifact, split: str | None = None) -> list[dict[str, Any]]:
    """Conversations with at least one answer: `messages` and the row's other columns.

    Rows hold `messages`, or `prompt` and `completion`, each as text or as messages.
    """
    return [PlacedRow(_conversation(row, place), place) for place, row in read_rows(source, split)]


def read_prompts(source: Resolved | Artifact, split: str | None = None) -> list[dict[str, Any]]:
    """Prompts: `prompt` as messages that await an answer, and the row's other columns.

    Rows hold `prompt` as text or messages, or `messages`, whose last answer is then left out.
    """
    return [PlacedRow(_prompt(row, place), place) for place, row in read_rows(source, split)]


def read_pairs(source: Resolved | Artifact, split: str | None = None) -> list[dict[str, Any]]:
    """Preference pairs: `prompt` as messages, `chosen` and `rejected` as a list of one message.

    Rows hold `prompt`, `chosen` and `rejected` as text or messages; without `prompt`, chosen and rejected are whole
    conversations that differ in their last message alone.
    """
    return [PlacedRow(_pair(row, place), place) for place, row in read_rows(source, split)]


def _documents(
    items: Iterable[Item], source: Resolved | Artifact, on_bad: Callable[[BadRow], None] | None
) -> Iterator[dict[str, Any]]:
    on_bad = handle(on_bad)
    for item in items:
        document = item if isinstance(item, BadRow) else _document(*item, source)
        if isinstance(document, BadRow):
            on_bad(document)
        else:
            yield document


def _document(place: str, row: Row, source: Resolved | Artifact) -> dict[str, Any] | BadRow:
    column = "text" if "text" in row and "html" not in row else _document_column(source, row, place)
    if isinstance(column, BadRow):
        return column
    text, name, maker = row.pop(column), row.pop("id", None), row.pop("source", None)
    if not isinstance(text, str):
        return bad(place, "not_text", f"{column}: {text!r:.60} where text is wanted", text)
    return {
        column: text,
        "id": _portable(place, source) if name is None else str(name),
        "source": str(maker or source.address or place),
        **row,
    }


def _portable(place: str, source: Resolved | Artifact) -> str:
    """The place as the recipe would write it, so that a document's id does not depend on where the recipe lies."""
    if not (source.path and source.address):
        return place
    pattern = source.pattern if isinstance(source, Resolved) else None
    written = source.address.removesuffix(f"/{pattern}") if pattern else source.address
    return place.replace(str(source.path), written, 1)


def _document_column(source: Resolved | Artifact, row: Row, place: str) -> str | BadRow:
    """Which of `text` and `html` the document is: the one that the recipe names, else the one that is there."""
    named = {} if isinstance(source, Artifact) else source.columns
    there = [name for name in ("text", "html") if name in row]
    chosen = [name for name in there if name in named] or there
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        said = "both 'text' and 'html'; `columns: {text: text}` in the recipe says which to read"
        return bad(place, "missing_column", said, row)
    said = (
        f"no column 'text' or 'html'; the row has {names_of(row)}. "
        f"`columns: {{text: …}}` in the recipe names the one to read"
    )
    return bad(place, "missing_column", said, row)


def _conversation(row: Row, place: str) -> dict[str, Any]:
    others = dict(row)
    if "messages" in row:
        messages = check_messages(others.pop("messages"), place, "messages")
    else:
        _need(row, ("prompt", "completion"), place, "'messages', or 'prompt' and 'completion'")
        prompt = as_messages(others.pop("prompt"), "user", place, "prompt")
        messages = prompt + as_messages(others.pop("completion"), "assistant", place, "completion")
    if not any(message["role"] == "assistant" for message in messages):
        raise DataError(f"{place}: messages: no assistant turn, so there is nothing to learn; remove the row")
    return {"messages": check_turns(messages, place, "messages"), **others}


def _prompt(row: Row, place: str) -> dict[str, Any]:
    others = dict(row)
    column = "prompt" if "prompt" in row else "messages"
    _need(row, (column,), place, "'prompt' or 'messages'")
    prompt = as_messages(others.pop(column), "user", place, column)
    if column == "messages" and prompt[-1]["role"] == "assistant":
        prompt = prompt[:-1]
    if not prompt or prompt[-1]["role"] == "assistant":
        raise DataError(
            f"{place}: {column}: ends with the assistant's turn, so it awaits no answer; leave that turn out"
        )
    return {"prompt": check_turns(prompt, place, column), **others}


def _pair(row: Row, place: str) -> dict[str, Any]:
    _need(row, ("chosen", "rejected"), place, "'chosen' and 'rejected'")
    others = {name: value for name, value in row.items() if name not in ("prompt", "chosen", "rejected")}
    chosen = as_messages(row["chosen"], "assistant", place, "chosen")
    rejected = as_messages(row["rejected"], "assistant", place, "rejected")
    if "prompt" in row:
        prompt = as_messages(row["prompt"], "user", place, "prompt")
    else:
        prompt, chosen, rejected = _split_conversations(chosen, rejected, place)
    for column, answer in (("chosen", chosen), ("rejected", rejected)):
        if len(answer) != 1 or answer[0]["role"] != "assistant":
            raise DataError(f"{place}: {column}: must be one assistant message after the prompt")
    check_turns([*prompt, *chosen], place, "messages")
    if chosen == rejected:
        raise DataError(f"{place}: chosen and rejected are the same text; remove the row or correct it")
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **others}


def _split_conversations(
    chosen: list[Message], rejected: list[Message], place: str
) -> tuple[list[Message], list[Message], list[Message]]:
    if len(chosen) < 2 or chosen[:-1] != rejected[:-1]:
        raise DataError(
            f"{place}: no column 'prompt', and chosen and rejected do not share all messages but the last; add 'prompt'"
        )
    return chosen[:-1], chosen[-1:], rejected[-1:]


def _need(row: Row, columns: tuple[str, ...], place: str, wanted: str) -> None:
    missing = [column for column in columns if column not in row]
    if missing:
        raise DataError(f"{place}: no column {missing[0]!r}; the row has {names_of(row)}; wanted: {wanted}")
