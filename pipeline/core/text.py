"""Text for a terminal: lines of at most 80 columns, and a little colour where somebody looks."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping
from typing import TextIO

WIDTH = 80
_COLOURS: Mapping[str, str] = {"ok": "32", "pass": "32", "warn": "33", "fail": "31"}


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; at least one. A word that is longer, such as a path, stays whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def hanging(lead: str, text: str, width: int = WIDTH) -> str:
    """`lead` and `text`, whose further lines start below its first; or in column 4 below a lead over half as wide."""
    if 2 * len(lead) > width:
        indent = " " * 4
        return "\n".join([lead.rstrip(), *(indent + line for line in wrap(text, width - len(indent)))])
    indent = " " * len(lead)
    lines = wrap(text, width - len(lead))
    return "\n".join([(lead + lines[0]).rstrip(), *(indent + line for line in lines[1:])])


def folded(line: str, width: int = WIDTH) -> str:
    """A line of any length as lines of at most `width`, the further ones indented by two more than the first."""
    indent = " " * (len(line) - len(line.lstrip()))
    first, *rest = wrap(line.strip(), width - len(indent) - 2)
    return "\n".join([indent + first, *(f"{indent}  {more}" for more in rest)])


def say(line: str) -> None:
    """Print to stderr at once: on a terminal as lines that fit, elsewhere as the one line that a search finds."""
    print(folded(line) if sys.stderr.isatty() else line, file=sys.stderr, flush=True)


def shortened(text: str, width: int) -> str:
    """`text`, or as much of it as `width` holds with an ellipsis at the end."""
    return text if len(text) <= width else text[: width - 1] + "…"


def coloured(verdict: str, stream: TextIO | None = None) -> str:
    """A verdict (ok, pass, warn, fail) in its colour on a terminal, plain elsewhere and where NO_COLOR is set."""
    stream = stream or sys.stdout
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or stream is None or not stream.isatty()
    return verdict if plain else f"\033[{_COLOURS[verdict]}m{verdict}\033[0m"
