"""Answers on the terminal as they are written: one by itself, two beside each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from pipeline.chat.speaker import Answer
from pipeline.chat.terminal import Terminal, harmless

NARROWEST = 80
"""Columns of a terminal on which two answers stand side by side."""
BETWEEN = " | "
_WORD_END = re.compile(r"(?<=\S) ")


def show(answers: Sequence[Answer], terminal: Terminal) -> None:
    """Write the answers while they come, to their ends or until the user interrupts; the line is ended either way."""
    if len(answers) > 1 and terminal.width >= NARROWEST:
        return _show_beside(answers, terminal)
    for answer in answers:
        if len(answers) > 1:
            terminal.heading(answer.speaker.name)
        try:
            for piece in answer:
                terminal.write(harmless(piece))
        finally:
            terminal.write("\n")
    return None


def _show_beside(answers: Sequence[Answer], terminal: Terminal) -> None:
    """A row is final once every column has got past it; only the first row that is not is written over.

    So nothing above the cursor ever changes, and a pipe gets whole rows.
    """
    width = (terminal.width - len(BETWEEN) * (len(answers) - 1)) // len(answers)
    columns = [_Column(answer, width) for answer in answers]
    terminal.heading(_row([answer.speaker.name[:width] for answer in answers], width).rstrip())
    written = 0
    try:
        while writing := [column for column in columns if column.grow()]:
            # A column's last line may still change, and so may the row that it stands in.
            written = _write_rows(columns, written, min(len(column.lines) for column in writing), width, terminal)
            terminal.rewrite(_row([column.line(written) for column in columns], width))
    finally:
        for column in columns:
            column.finish()
        _write_rows(columns, written, max(len(column.lines) for column in columns), width, terminal)


def _write_rows(columns: Sequence[_Column], start: int, stop: int, width: int, terminal: Terminal) -> int:
    """Write the rows from `start` on for good; the number of rows there are then."""
    for index in range(start, stop):
        line = _row([column.line(index) for column in columns], width)
        terminal.rewrite("")
        terminal.write(line.rstrip() + "\n")
    return max(start, stop)


def _row(lines: Sequence[str], width: int) -> str:
    return BETWEEN.join(line + " " * (width - cells(line)) for line in lines)


class _Column:
    """One answer, wrapped as it comes."""

    def __init__(self, answer: Answer, width: int) -> None:
        self.width = width
        self.lines: list[str] = []
        """Those that no further text changes."""
        self.last = ""
        self._pieces: Iterator[str] = iter(answer)

    def grow(self) -> bool:
        """Take one piece more; whether there was one."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        *full, self.last = wrapped(self.last + harmless(piece).replace("\t", "    "), self.width)
        self.lines += full
        return True

    def finish(self) -> None:
        """Nothing more will come."""
        if self.last.strip():
            self.lines.append(self.last)
        self.last = ""

    def line(self, index: int) -> str:
        """One line; nothing below the last."""
        return self.lines[index] if index < len(self.lines) else self.last if index == len(self.lines) else ""


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken between words.

    More text changes the last line only, and is wrapped as if that line were all there is.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = None
        for word in _WORD_END.split(paragraph):
            joined = word if line is None else f"{line} {word}"
            if line is not None and cells(joined) > width:
                lines.append(line)
                joined = word
            *full, line = _broken(joined, width)
            lines += full
        lines.append(line or "")
    return lines


def _broken(word: str, width: int) -> list[str]:
    """A word that is longer than a line, in pieces."""
    if cells(word) <= width:
        return [word]
    pieces, used = [""], 0
    for character in word:
        used += cells(character)
        if used > width:
            pieces.append("")
            used = cells(character)
        pieces[-1] += character
    return pieces


def cells(text: str) -> int:
    """Columns that a terminal gives the text: none to combining marks, two to wide characters."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
