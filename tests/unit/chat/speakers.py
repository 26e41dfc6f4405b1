"""Speakers with random weights, and answers whose tokens are given."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.chat.speaker import Answer, Sampling, Speaker, open_speaker
from pipeline.chat.subject import Subject
from pipeline.chat.terminal import Terminal
from tests.unit.stages.tiny import save_tiny_model

SAMPLING = Sampling(max_new_tokens=12)


def tiny_speaker(folder: Path, seed: int = 0, context_length: int = 64, **options: Any) -> Speaker:
    """A decoder with random weights."""
    if not folder.exists():
        save_tiny_model(folder, seed, context_length)
    return open_speaker(Subject(folder.name, folder, **options))


def saying(speaker: Speaker, ids: Sequence[int]) -> Answer:
    """An answer of these tokens."""
    return Answer(speaker, iter(ids), speaker.end_ids)


class Words:
    """Stands for an answer whose pieces are given; the piece None is Ctrl-C."""

    def __init__(self, name: str, pieces: Sequence[str | None]) -> None:
        self.pieces, self.text, self.ended, self.tokens = pieces, "", True, len(pieces)
        self.speaker = type("Named", (), {"name": name})()

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            if piece is None:
                raise KeyboardInterrupt
            self.text += piece
            yield piece


def terminal(width: int = 80, live: bool = False, coloured: bool = False) -> Terminal:
    """A terminal whose two streams can be read."""
    return Terminal(io.StringIO(), io.StringIO(), width, live, coloured)


def said(screen: Terminal) -> str:
    """What was written as an answer."""
    assert isinstance(screen.out, io.StringIO)
    return screen.out.getvalue()


def noted(screen: Terminal) -> str:
    """What was said about it."""
    assert isinstance(screen.err, io.StringIO)
    return screen.err.getvalue()
