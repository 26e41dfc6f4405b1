"""Find the entries of a blocklist in a text: words and phrases, whole, whatever their case and the spaces between them.

Where words are not set apart by spaces (Chinese, Japanese, Thai and their neighbours) an entry is found anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"\w+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")


class Blocklist:
    """Entries, made ready to be looked for."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Empty entries count for nothing."""
        self._words: dict[str, str] = {}
        self._phrases: dict[tuple[str, ...], str] = {}
        self._others: list[tuple[str, re.Pattern[str]]] = []
        for entry in entries:
            self._add(entry.strip())

    def _add(self, entry: str) -> None:
        parts = entry.lower().split()
        words = _WORD.findall(entry.lower())
        if _UNSPACED.search(entry):
            self._others.append((entry, re.compile(re.escape(entry), re.IGNORECASE)))
        elif parts != words:  # `c++` is not the word `c`
            spaced = r"\s+".join(map(re.escape, parts))
            self._others += [(entry, re.compile(rf"(?<!\w){spaced}(?!\w)", re.IGNORECASE))] if parts else []
        elif len(words) == 1:
            self._words[words[0]] = entry
        else:
            self._phrases[tuple(words)] = entry

    def find(self, text: str) -> str | None:
        """An entry that stands in the text: the first in the order of the alphabet of those that are one word."""
        said = _WORD.findall(text.lower())
        present = set(said)
        if words := present & self._words.keys():
            return self._words[min(words)]
        joined = ""
        for phrase, entry in self._phrases.items():
            if present.issuperset(phrase):
                joined = joined or f" {' '.join(said)} "
                if f" {' '.join(phrase)} " in joined:
                    return entry
        return next((entry for entry, pattern in self._others if pattern.search(text)), None)
