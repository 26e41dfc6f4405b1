"""Sets of five-word runs as 64-bit hashes: what near-duplicate detection compares."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

SHINGLE_WORDS = 5
AT_ONCE = 2**17
"""Characters that are hashed together: their arrays stay in the processor's cache."""

Hashes = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15


def shingle_hashes(texts: Sequence[str]) -> list[Hashes]:
    r"""For each text the hashes of its runs of five words, lower case, punctuation aside; all words if they are fewer.

    Words are what `\\w+` finds. A hash is a polynomial of the words' hashes modulo 2^64, as theirs are of their
    characters' code points, so that no run is ever joined into a string.
    """
    lowered = [text.lower() for text in texts]
    words, starts = word_hashes("\n".join(lowered))
    bounds = np.searchsorted(starts, np.cumsum([0] + [len(text) + 1 for text in lowered])).tolist()
    runs, length = run_hashes(words, SHINGLE_WORDS), SHINGLE_WORDS
    return [
        runs[first : end - length + 1] if end - first >= length else run_hashes(words[first:end], end - first)
        for first, end in itertools.pairwise(bounds)
    ]


def word_hashes(text: str) -> tuple[Hashes, NDArray[np.int64]]:
    """The hash of every word of the text, and the character that it starts at; (words,) each."""
    found = [_hash_words(piece, first) for first, piece in _pieces(text)]
    hashes, starts = zip(*found, strict=True) if found else ((), ())
    return np.concatenate([np.zeros(0, np.uint64), *hashes]), np.concatenate([np.zeros(0, np.int64), *starts])


def run_hashes(words: Hashes, length: int) -> Hashes:
    """The hashes of the runs of `length` words: polynomials of the words' own, modulo 2^64.

    Runs of 1, 2, 4, 8 … words are made of two halves; one of 13 is one of 8, then one of 4, then one.
    """
    count = len(words) - length + 1 if 0 < length <= len(words) else 0
    runs, done = np.zeros(count, dtype=np.uint64), 0
    for bit in range(length.bit_length() if count else 0):
        if length >> bit & 1:
            runs += words[done : done + count] * _power(done)
            done += 1 << bit
        half = 1 << bit
        if 2 * half <= length:
            words = words[: len(words) - half] + words[half:] * _power(half)
    return runs


@cache
def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(_BASE, exponent, 2**64))


def jaccard(one: Hashes, other: Hashes) -> float:
    """The Jaccard similarity of two sorted sets of hashes."""
    if not len(one) or not len(other):
        return 0.0
    places = np.searchsorted(one, other)
    common = int((one[np.minimum(places, len(one) - 1)] == other).sum())
    return common / (len(one) + len(other) - common)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text cut at white space, each piece with the character it starts at."""
    first = 0
    while first < len(text):
        end = first + AT_ONCE
        if end < len(text):
            end = max(text.rfind(" ", first, end), text.rfind("\n", first, end)) + 1 or end
        yield first, text[first:end]
        first = end


def _hash_words(text: str, first: int) -> tuple[Hashes, NDArray[np.int64]]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    in_word, powers, inverses = _tables()
    inside = in_word[codes]
    starts = np.flatnonzero(inside[1:] > inside[:-1]) + 1
    if inside[0]:
        starts = np.concatenate([[0], starts])
    if not len(starts):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    terms = codes * inside * powers[: len(codes)]
    return _mixed(np.add.reduceat(terms, starts) * inverses[starts]), starts + first


def _mixed(hashes: Hashes) -> Hashes:
    """Each hash with its high bits brought down and up again, so that sums of words are not sums of characters."""
    hashes = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return hashes ^ (hashes >> np.uint64(29))


@cache
def _tables() -> tuple[NDArray[np.uint32], Hashes, Hashes]:
    """Whether each code point is of a word, by `re`; powers of the base; and their inverses modulo 2^64."""
    in_word = np.zeros(sys.maxunicode + 1, dtype=np.uint32)
    in_word[list(map(ord, re.findall(r"\w", "".join(map(chr, range(sys.maxunicode + 1))))))] = 1
    return in_word, _geometric(_BASE), _geometric(pow(_BASE, -1, 2**64))


def _geometric(base: int) -> Hashes:
    factors = np.full(AT_ONCE, base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)
