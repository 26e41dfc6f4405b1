"""Prompts without anyone at the keyboard: each is answered by itself, as text or as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from pipeline.chat.columns import show
from pipeline.chat.conversation import Conversation
from pipeline.chat.speaker import Answer
from pipeline.chat.terminal import Terminal
from pipeline.core.errors import DataError
from pipeline.data.messages import check_text


def answer_each(
    prompts: Iterable[tuple[str, str]], conversation: Conversation, terminal: Terminal, as_json: bool
) -> None:
    """Answer each of (place, text); prompt `n` is drawn as turn `n` would be, after an empty conversation.

    Raises:
        DataError: at the first prompt that is empty or too long, with its place.
    """
    for number, (place, text) in enumerate(prompts):
        conversation.reset()
        conversation.number = number
        answers = conversation.ask(check_text(text, place, "text"), place, terminal.note)
        if as_json:
            _write_json(text, answers, terminal)
        else:
            show(answers, terminal)


def lines_of(stream: BinaryIO, name: str) -> Iterator[tuple[str, str]]:
    """(place, text) of each line with something in it, as soon as it is there.

    Raises:
        DataError: at a line that is not UTF-8.
    """
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise DataError(f"{name}:{number}: not UTF-8 text: {error.reason} at byte {error.start}") from None
        if text:
            yield f"{name}:{number}", text


def _write_json(text: str, answers: Sequence[Answer], terminal: Terminal) -> None:
    for answer in answers:
        completion = "".join(answer)
        row = {"model": answer.speaker.name, "prompt": text, "completion": completion}
        terminal.write(json.dumps(row | {"ended": answer.ended, "tokens": answer.tokens}) + "\n")
