"""What simpler models of the same text reach: a unigram and a bigram model of the same tokens, and gzip."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import numpy as np

from pipeline.stages.pretrain.token_store import TokenStore

_MOST_TOKENS = 20_000_000
"""Tokens that are counted: enough for a bigram, and little memory."""
_PSEUDOCOUNTS = (0.3, 1.0, 3.0, 10.0, 30.0)


class NGrams:
    """Counts of tokens and pairs of tokens in the training documents."""

    def __init__(self, store: TokenStore, vocab_size: int) -> None:
        """Count the first tokens of `store`; pairs do not cross documents."""
        tokens = np.asarray(store.tokens[:_MOST_TOKENS], dtype=np.int64)
        is_first = np.zeros(len(tokens) + 1, dtype=bool)
        is_first[store.starts[store.starts <= len(tokens)]] = True
        self.vocab_size = vocab_size
        inner = ~is_first[1 : len(tokens)]
        self.pairs, self.pair_counts = np.unique((tokens[:-1] * vocab_size + tokens[1:])[inner], return_counts=True)
        # What is predicted: every token of a document but its first.
        counts = np.bincount(self.pairs % vocab_size, weights=self.pair_counts, minlength=vocab_size)
        self.unigram = (counts + 1) / (counts.sum() + vocab_size)
        self.contexts = np.bincount(self.pairs // vocab_size, weights=self.pair_counts, minlength=vocab_size)

    def unigram_nats(self, documents: Sequence[Sequence[int]]) -> float:
        """Nats of all `documents` under add-one frequencies of single tokens, first tokens not counted."""
        return float(-sum(np.log(self.unigram[np.asarray(ids[1:])]).sum() for ids in documents))

    def bigram_nats(self, documents: Sequence[Sequence[int]]) -> float:
        """Nats of all `documents` under pair frequencies smoothed by the unigram; the best of several smoothings.

        Chosen on the very documents that are measured, so the baseline is never too weak.
        """
        if not len(self.pairs):
            return self.unigram_nats(documents)
        before = np.concatenate([np.asarray(ids[:-1], dtype=np.int64) for ids in documents])
        after = np.concatenate([np.asarray(ids[1:], dtype=np.int64) for ids in documents])
        keys = before * self.vocab_size + after
        place = np.minimum(np.searchsorted(self.pairs, keys), len(self.pairs) - 1)
        counts = np.where(self.pairs[place] == keys, self.pair_counts[place], 0)
        return min(
            float(-np.log((counts + k * self.unigram[after]) / (self.contexts[before] + k)).sum())
            for k in _PSEUDOCOUNTS
        )


def gzip_bits(texts: Sequence[str]) -> float:
    """Bits of all `texts`, compressed together by gzip at its best."""
    return 8.0 * len(gzip.compress("\n".join(texts).encode(), compresslevel=9))
