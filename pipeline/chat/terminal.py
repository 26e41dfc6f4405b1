"""The terminal: its width, whether it takes colours, and text made harmless for it."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from dataclasses import dataclass
from typing import TextIO

_DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]")
"""Control characters but tab and line feed, and those that turn the direction of writing or break the line."""


def harmless(text: str) -> str:
    """The text with every character that could drive a terminal written out as Python writes it."""
    return _DRIVING.sub(lambda match: ascii(match[0])[1:-1], text)


@dataclass(frozen=True)
class Terminal:
    """Where answers are written (`out`) and what is said about them (`err`)."""

    out: TextIO
    err: TextIO
    columns: int | None = None
    """Its width, where it is not to be asked for each time."""
    live: bool = False
    """Whether a line can be written again, which a pipe and a dumb terminal cannot."""
    coloured: bool = False

    @classmethod
    def of_process(cls) -> Terminal:
        """The one of this process, plain where it is no terminal and where NO_COLOR asks for it."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # where it cannot write what a model says
        live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        coloured = live and not os.environ.get("NO_COLOR")
        return cls(sys.stdout, sys.stderr, None, live, coloured)

    @property
    def width(self) -> int:
        """Columns that there are now; 80 where there is no terminal."""
        return self.columns or shutil.get_terminal_size().columns

    def write(self, text: str) -> None:
        """Text as it is, at once."""
        self.out.write(text)
        self.out.flush()

    def heading(self, text: str) -> None:
        """A line that stands out."""
        self.write(f"{self._styled(text, 1)}\n")

    def note(self, text: str) -> None:
        """A line that is no answer."""
        self.out.flush()
        print(self._styled(text, 2), file=self.err, flush=True)

    def rewrite(self, line: str) -> None:
        """Write `line` over the unfinished line that the cursor stands in."""
        if self.live:
            self.write(f"\r{line}\x1b[K")

    def _styled(self, text: str, style: int) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.coloured else text
