"""What stands in a corpus: lengths, languages, text by source, a few documents to look at.

Counted as documents are written; the counts of all tasks added up do not depend on how many tasks there were.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xxhash import xxh3_64_intdigest

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.language import COLUMN

EXAMPLES = 3
"""Documents of each source that are kept to be shown."""
OCTAVE = 8
"""Ranges of length from one power of two to the next: a length is known to 9 %."""
_SHOWN = 400
_SALT = 11
"""The split of a document is decided by the hash of its text; whether it is shown must not depend on that."""

Example = tuple[int, dict[str, Any]]


@dataclass
class Profile:
    """What was written."""

    lengths: Counter[int] = field(default_factory=Counter)
    """Documents by the range of their length in characters, `range_of`."""
    characters: int = 0
    documents: Counter[str] = field(default_factory=Counter)
    """By source, copies of weighted sources counted."""
    bytes: Counter[str] = field(default_factory=Counter)
    """Of text, by source."""
    languages: Counter[str] = field(default_factory=Counter)
    """Documents by language, where languages are identified."""
    examples: dict[str, list[Example]] = field(default_factory=dict)
    """Of each source the documents with the lowest hashes, which are as good as drawn by lot."""

    def count(self, document: Document, size: int, split: str) -> None:
        """Count one document of `size` bytes."""
        characters = len(document.text)
        self.lengths[range_of(characters)] += 1
        self.characters += characters
        self.documents[document.source] += 1
        self.bytes[document.source] += size
        language = document.columns.get(COLUMN)
        if isinstance(language, str) and len(language) <= 3:
            self.languages[language] += 1
        shown = {"id": document.id, "split": split, "characters": characters, "text": document.text[:_SHOWN]}
        self._show(document.source, xxh3_64_intdigest(document.text.encode("utf-8"), seed=_SALT), shown)

    def _show(self, source: str, lot: int, shown: dict[str, Any]) -> None:
        drawn = self.examples.setdefault(source, [])
        if len(drawn) == EXAMPLES and lot >= drawn[-1][0]:
            return
        if all(lot != other for other, _ in drawn):  # a document of a weighted source may come several times
            insort(drawn, (lot, shown), key=lambda example: example[0])
            del drawn[EXAMPLES:]

    def as_json(self) -> dict[str, Any]:
        """The counts, for a file."""
        return vars(self) | {"lengths": {str(place): count for place, count in sorted(self.lengths.items())}}

    def add(self, counts: Mapping[str, Any]) -> None:
        """Add the counts of a later task."""
        self.lengths.update({int(place): count for place, count in counts["lengths"].items()})
        self.characters += counts["characters"]
        for name in ("documents", "bytes", "languages"):
            getattr(self, name).update(counts[name])
        for source, examples in counts["examples"].items():
            for lot, shown in examples:
                self._show(source, lot, shown)


def range_of(characters: int) -> int:
    """The number of the range that a length falls into, `OCTAVE` of them from one power of two to the next."""
    return int(math.log2(characters) * OCTAVE) if characters else 0


def start_of(place: float) -> float:
    """The length at which a range starts."""
    return 2 ** (place / OCTAVE)


def quantile(lengths: Mapping[int, int], share: float) -> int:
    """The length that this share of the documents does not exceed, to 9 %: found within its range by proportion."""
    wanted, before = share * sum(lengths.values()), 0
    for place, count in sorted(lengths.items()):
        if before + count >= wanted:
            return round(start_of(place + (wanted - before) / count))
        before += count
    return 0
