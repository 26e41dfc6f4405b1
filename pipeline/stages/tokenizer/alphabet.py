"""Which characters a tokenizer has tokens for: the frequent ones, in an order that depends on the text alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

COVERAGE = 0.9995
"""Of the characters of a text, how many are to have tokens of their own (SentencePiece's usual figure)."""


def frequent_characters(texts: Iterable[str], most: int, *, spaces: bool = True) -> list[str]:
    """The fewest characters that cover `COVERAGE` of the texts, at most `most` of them, by code point.

    The trainers of the library break ties among rare characters by chance; here it is the lower code point.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    if not spaces:
        counts = Counter({char: count for char, count in counts.items() if not char.isspace()})
    kept, covered, total = [], 0, counts.total()
    for char, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])):
        if len(kept) == most or (covered >= COVERAGE * total and kept):
            break
        kept.append(char)
        covered += count
    return sorted(kept)
