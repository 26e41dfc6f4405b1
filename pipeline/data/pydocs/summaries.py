"""From definitions to what is asked and answered: summary lines, and the splits that keep questions apart."""

from __future__ import annotations

import functools
import hashlib
import re

from pipeline.data.pydocs.sources import Definition, definitions

LONGEST_SUMMARY = 160
"""Characters: about 45 tokens of a vocabulary of 4,096."""
LONGEST_HEADER = 100
"""Characters of a signature with its qualified name: about 35 tokens."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`'\"(])")


def part_of(qualified_name: str) -> int:
    """Which of a hundred parts a name belongs to: the same on every machine and in every version of Python."""
    return _digest(qualified_name) % 100


def _digest(qualified_name: str) -> int:
    return int.from_bytes(hashlib.sha256(qualified_name.encode()).digest()[:8], "big")


def is_held_out(definition: Definition) -> bool:
    """Whether a definition is kept for testing: one in ten, by name. Its docstring is in no training split."""
    return part_of(definition.qualified_name) < 10


@functools.cache
def documentable() -> tuple[Definition, ...]:
    """The functions whose signature is short enough to be asked about, with a docstring or without.

    Sorted by a hash of their names, so that the first hundred are a fair sample of all.
    """
    functions = (definition for definition in definitions() if definition.kind == "function")
    short = [definition for definition in functions if len(definition.header) <= LONGEST_HEADER]
    return tuple(sorted(short, key=lambda definition: _digest(definition.qualified_name)))


@functools.cache
def summarised() -> tuple[tuple[Definition, str], ...]:
    """The functions that have a summary line, with it; the same words about the same signature count once."""
    found: dict[tuple[str, str, str], tuple[Definition, str]] = {}
    for definition in documentable():
        line = summary(definition.docstring)
        if line is not None and definition.signature is not None:
            found.setdefault((definition.name, definition.signature.text, line), (definition, line))
    return tuple(found.values())


def summary(docstring: str) -> str | None:
    """The first paragraph on one line, or its first sentence when that is too long; None if neither says something.

    Paragraphs that open with a call (`dump(obj, file) -> None`) or a doctest are no summaries.
    """
    paragraph = " ".join(docstring.split("\n\n", 1)[0].split())
    if len(paragraph) > LONGEST_SUMMARY:
        paragraph = _SENTENCE_END.split(paragraph, maxsplit=1)[0]
    words = paragraph.split()
    if len(words) < 2 or len(paragraph) > LONGEST_SUMMARY or not (words[0].isalpha() and paragraph.isascii()):
        return None
    return None if "->" in paragraph or ">>>" in paragraph else paragraph
