"""Tables and texts of a card, as Markdown that shows what it is given and interprets none of it."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; cells are shown as they are, whatever they hold."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def cell(text: str) -> str:
    """Text inside a table: one line, no markup."""
    return html.escape(re.sub(r"[ \t\r\n\f\v]+", " ", text).strip(), quote=False).replace("|", "\\|").replace("`", "'")


def legible(text: str) -> str:
    """Text in which what a terminal would obey, and nobody sees, is shown as a replacement mark."""
    return "".join(
        letter if letter.isprintable() or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def verbatim(text: str) -> str:
    """Text inside `<pre>`: nothing in it is markup, and it is legible."""
    return html.escape(legible(text))


def wrapped(text: str, width: int = 84) -> str:
    """The lines of a text, those that are too long for a page continued below with an indent."""
    lines = [
        textwrap.wrap(line, width, subsequent_indent="    ", replace_whitespace=False) or [""]
        for line in text.split("\n")
    ]
    return "\n".join(part for line in lines for part in line)
