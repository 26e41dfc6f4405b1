"""Sets of five-word runs as 64-bit hashes: what near-duplicate detection compares."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

SHINGLE_WORDS = 5

Hashes = NDArray[np.uint64]

_WORD = re.compile(r"\w+")
_POWERS = np.array([pow(0x9E3779B97F4A7C15, power, 2**64) for power in range(SHINGLE_WORDS)], dtype=np.uint64)


class _WordHashes(dict[str, int]):
    """The hash of each word met so far."""

    def __missing__(self, word: str) -> int:
        value = self[word] = xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))
        return value


def shingle_hashes(texts: Sequence[str]) -> list[Hashes]:
    """For each text the hashes of its runs of five words, lower case, punctuation aside; all words if they are fewer.

    A hash is the polynomial of the words' hashes modulo 2^64, so that no run is ever joined into a string.
    """
    hashes = _WordHashes()
    return [_runs(np.array([hashes[word] for word in _WORD.findall(text.lower())], dtype=np.uint64)) for text in texts]


def jaccard(one: Hashes, other: Hashes) -> float:
    """The Jaccard similarity of two sorted sets of hashes."""
    if not len(one) or not len(other):
        return 0.0
    places = np.searchsorted(one, other)
    common = int((one[np.minimum(places, len(one) - 1)] == other).sum())
    return common / (len(one) + len(other) - common)


def _runs(words: Hashes) -> Hashes:
    length = min(SHINGLE_WORDS, len(words))
    count = len(words) - length + 1 if length else 0
    runs = np.zeros(count, dtype=np.uint64)
    for offset in range(length):
        runs += words[offset : offset + count] * _POWERS[offset]
    return runs
