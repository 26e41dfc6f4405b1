"""What a conversation must be: a list of messages, each with a known role and text that is not empty."""

from __future__ import annotations

from typing import Any

from pipeline.core.errors import DataError
from pipeline.data.judge import Message

ROLES = ("system", "user", "assistant", "tool")


def check_messages(value: Any, place: str, column: str) -> list[Message]:
    """The messages themselves, once every one of them has been looked at.

    Raises:
        DataError: `place: column[i].key: value; way on`, at the first fault.
    """
    if not isinstance(value, list):
        raise DataError(f"{place}: {column}: {_shown(value)} where a list of messages is wanted")
    if not value:
        raise DataError(f"{place}: {column}: no message in it; remove the row or fill it")
    return [_check_message(message, place, f"{column}[{index}]") for index, message in enumerate(value)]


def check_turns(messages: list[Message], place: str, column: str) -> list[Message]:
    """The messages themselves, if they follow one another as a conversation does.

    Raises:
        DataError: for an answer to nothing, two answers in a row, a system message that is not the first.
    """
    before = None
    for index, message in enumerate(messages):
        role, at = message["role"], f"{place}: {column}[{index}].role"
        if role == "system" and index:
            raise DataError(f"{at}: 'system' after the first message; put it first, or join it to the user's turn")
        if role == "assistant" and before in (None, "system"):
            raise DataError(f"{at}: the assistant speaks before any user; put the user's turn before it")
        if role == before == "assistant":
            raise DataError(f"{at}: two assistant turns in a row; join them, or put the user's turn between them")
        before = role
    return messages


def check_text(value: Any, place: str, column: str) -> str:
    """The text itself, if it is text, has something in it and can be written as UTF-8."""
    if not isinstance(value, str):
        raise DataError(f"{place}: {column}: {_shown(value)} where text is wanted")
    if not value.strip():
        raise DataError(f"{place}: {column}: is empty; remove the row or fill it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place}: {column}: half of a surrogate pair ({value[error.start]!a}); correct the row"
        ) from None
    return value


def as_messages(value: Any, role: str, place: str, column: str) -> list[Message]:
    """Messages as they are; a plain text becomes the one message of `role`."""
    if isinstance(value, str):
        return [{"role": role, "content": check_text(value, place, column)}]
    return check_messages(value, place, column)


def _check_message(message: Any, place: str, path: str) -> Message:
    if not isinstance(message, dict):
        raise DataError(f"{place}: {path}: {_shown(message)} where {{role, content}} is wanted")
    for key in ("role", "content"):
        if key not in message:
            raise DataError(f"{place}: {path}: no {key!r}; the message has {', '.join(map(str, message)) or 'nothing'}")
    if message["role"] not in ROLES:
        raise DataError(f"{place}: {path}.role: {_shown(message['role'])} is not one of {', '.join(ROLES)}")
    return {"role": message["role"], "content": check_text(message["content"], place, f"{path}.content")}


def _shown(value: Any) -> str:
    """A value as an error shows it: short, and as Python writes it."""
    written = repr(value)
    return written if len(written) <= 60 else written[:57] + "..."
