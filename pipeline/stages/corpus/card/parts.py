"""What a card is made of, as plain frozen values: the page and the Markdown only lay them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart for the page; the Markdown does without."""

    title: str
    svg: str


@dataclass(frozen=True)
class Quote:
    """What a document says, shown and never interpreted."""

    label: str
    text: str


@dataclass(frozen=True)
class Section:
    """One part of a card."""

    title: str
    text: str = ""
    """Ours alone: nothing that a document, a source or a user says."""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    quotes: Mapping[str, Sequence[Quote]] = field(default_factory=dict)
    """Under a heading for each group."""
    folded: bool = False
    """Whether its tables and quotes are shown when asked for."""


@dataclass(frozen=True)
class Card:
    """The whole card."""

    name: str
    sentence: str
    tiles: Sequence[tuple[str, str, str]]
    """Label, value, note."""
    sections: Sequence[Section]
    settings: str
    """The stage's settings as YAML."""


def count(number: int) -> str:
    """A count in full, with a real minus."""
    return f"{number:,}".replace("-", MINUS)


def share(part: float, whole: float) -> str:
    """A share of a whole in per cent."""
    return f"{100 * part / whole:.1f}\N{NO-BREAK SPACE}%" if whole else ""


def documents(number: int) -> str:
    """`1 document`, `2,000 documents`."""
    return f"{count(number)} document{'' if number == 1 else 's'}"
