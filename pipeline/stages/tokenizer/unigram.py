"""Unigram tokens over bytes (https://arxiv.org/abs/1804.10959): the pieces whose probabilities make the text likeliest.

The library's trainer gives other scores each time, by the order of a hash table; here nothing is left to chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.models.word_patterns import bytes_by_pattern
from pipeline.stages.tokenizer.dress import dress
from pipeline.stages.tokenizer.lattices import Lattices

LONGEST_PIECE = 16
_LONGEST_WORD = 32
"""Longer ones are learned from in parts."""
_SEEDS = 4
"""For each token that is asked for, so many to begin with."""
_KEPT = 0.75
"""Of the pieces, how many are left after each pruning."""
_RARE = 0.5
"""An expected count below which a piece is taken to be this frequent: one that never occurs has a probability too."""


def train_unigram(texts: Iterable[str], vocab_size: int, pattern: str) -> TokenizersBackend:
    """A tokenizer of at most `vocab_size` tokens, the 256 bytes among them; the order of the texts does not matter."""
    words = word_counts(texts, pattern)
    scores = learn_pieces(words, vocab_size - len(SPECIAL_TOKENS))
    ordered = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
    # No word of a text is a special token's name: the patterns cut all of them. Their scores are never looked at.
    marks = [(token, ordered[-1][1] - 10) for token in SPECIAL_TOKENS]
    tokenizer = Tokenizer(models.Unigram([*marks, *ordered], unk_id=None, byte_fallback=False))
    tokenizer.pre_tokenizer = bytes_by_pattern(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    return dress(tokenizer)


def word_counts(texts: Iterable[str], pattern: str) -> dict[str, int]:
    """How often each word comes, its bytes written as letters; long ones in parts."""
    cut = bytes_by_pattern(pattern).pre_tokenize_str
    whole: Counter[str] = Counter()
    for text in texts:
        whole.update(word for word, _ in cut(text))
    counts: Counter[str] = Counter()
    for word, count in whole.items():
        for start in range(0, len(word), _LONGEST_WORD):
            counts[word[start : start + _LONGEST_WORD]] += count
    return dict(sorted(counts.items()))


def learn_pieces(words: dict[str, int], size: int) -> dict[str, float]:
    """The log-probabilities of at most `size` pieces: each byte, and longer ones by what words lose without them."""
    pieces, scores = _seeds(words, _SEEDS * size)
    counts = np.array(list(words.values()), dtype=np.float64)
    lattices = Lattices(list(words), pieces)
    while True:
        for _ in range(2):
            expected = lattices.expected_counts(scores, counts)
            scores = np.log(np.maximum(expected, _RARE)) - np.log(np.maximum(expected, _RARE).sum())
        if len(pieces) <= size:
            return dict(zip(pieces, scores.tolist(), strict=True))
        lost = expected * (scores - Lattices(pieces, pieces, without_whole=True).best_scores(scores))
        lost[[len(piece) == 1 for piece in pieces]] = np.inf
        wanted = max(size, int(_KEPT * len(pieces)))
        kept = np.sort(np.lexsort((np.arange(len(pieces)), -lost))[:wanted])
        pieces, scores = [pieces[place] for place in kept], scores[kept]
        lattices = lattices.of_pieces(kept)


def _seeds(words: dict[str, int], most: int) -> tuple[list[str], np.ndarray]:
    """Every byte and the parts of words that cover most of the text, with their first log-probabilities."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 2, min(start + LONGEST_PIECE, len(word)) + 1):
                counts[word[start:end]] += count
    longer = sorted((-count * len(part), part) for part, count in counts.items() if count > 1)[:most]
    single = Counter(dict.fromkeys(pre_tokenizers.ByteLevel.alphabet(), 1))
    for word, count in words.items():
        for byte in word:
            single[byte] += count
    covered = {part: -size for size, part in longer} | dict(single)
    pieces = sorted(covered)
    scores = np.log([covered[piece] for piece in pieces])
    return pieces, scores - np.log(sum(covered.values()))
