"""All the ways to write words in pieces, and sums over them: the mathematics of unigram tokens.

https://arxiv.org/abs/1804.10959, section 3.2. Every word at once, place by place: an edge is a piece that may stand
between two places of a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np


class Lattices:
    """The edges of every word, as (words, starts, ends, pieces), four int64 (edges,)."""

    def __init__(self, words: Sequence[str], pieces: Sequence[str], *, without_whole: bool = False) -> None:
        """Pieces as they occur in words; `without_whole` leaves out a piece that is all of a word of several."""
        places = {piece: index for index, piece in enumerate(pieces)}
        longest = max(map(len, pieces))
        found = (
            (index, start, end, place)
            for index, word in enumerate(words)
            for start in range(len(word))
            for end in range(start + 1, min(start + longest, len(word)) + 1)
            if (place := places.get(word[start:end])) is not None
            and not (without_whole and 1 < end - start == len(word))
        )
        self.edges = np.fromiter(chain.from_iterable(found), dtype=np.int64).reshape(-1, 4).T
        self.lengths = np.array([len(word) for word in words], dtype=np.int64)
        self.pieces = len(pieces)

    def of_pieces(self, kept: np.ndarray) -> Lattices:
        """The same words with fewer pieces: those at the places `kept`, in this order."""
        renamed = np.full(self.pieces, -1)
        renamed[kept] = np.arange(len(kept))
        words, starts, ends, pieces = self.edges
        left = renamed[pieces] >= 0
        fewer = object.__new__(Lattices)
        fewer.edges = np.stack((words, starts, ends, renamed[pieces]))[:, left]
        fewer.lengths, fewer.pieces = self.lengths, len(kept)
        return fewer

    def expected_counts(self, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """How often each piece stands in the words, over all ways to write them, float64 (pieces,).

        `scores` are log-probabilities (pieces,), `counts` how often each word comes (words,).
        """
        words, starts, ends, pieces = self.edges
        forward = self._totals(scores, np.logaddexp)
        backward = self._totals(scores, np.logaddexp, reverse=True)
        whole = forward[np.arange(len(self.lengths)), self.lengths]
        through = forward[words, starts] + scores[pieces] + backward[words, ends] - whole[words]
        return np.bincount(pieces, np.exp(through) * counts[words], minlength=self.pieces)

    def best_scores(self, scores: np.ndarray) -> np.ndarray:
        """The log-probability of the likeliest way to write each word, float64 (words,)."""
        return self._totals(scores, np.maximum)[np.arange(len(self.lengths)), self.lengths]

    def _totals(self, scores: np.ndarray, join: np.ufunc, *, reverse: bool = False) -> np.ndarray:
        """Of the ways to each place of each word, or from it to the word's end: (words, places)."""
        words, starts, ends, pieces = self.edges
        here, before = (starts, ends) if reverse else (ends, starts)
        totals = np.full((len(self.lengths), self.lengths.max() + 1), -np.inf)
        totals[np.arange(len(self.lengths)), self.lengths if reverse else 0] = 0
        order = np.lexsort((words, -here if reverse else here))
        cuts = np.flatnonzero(np.diff(here[order])) + 1
        for group in np.split(order, cuts):
            owners, firsts = np.unique(words[group], return_index=True)
            values = totals[words[group], before[group]] + scores[pieces[group]]
            totals[owners, here[group[0]]] = join.reduceat(values, firsts)
        return totals
