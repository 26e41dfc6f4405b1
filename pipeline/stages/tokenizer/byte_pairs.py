"""Byte-level BPE: bytes, and pairs of tokens merged by how often they come."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.models.word_patterns import bytes_by_pattern
from pipeline.stages.tokenizer.dress import dress


def train_byte_pairs(texts: Iterable[str], vocab_size: int, pattern: str = "qwen2") -> TokenizersBackend:
    """A tokenizer of at most `vocab_size` tokens, none longer than a word as the named pattern cuts them.

    The order of the texts does not matter; nor is anything random.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = bytes_by_pattern(pattern)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # all bytes: what is not in the text would vanish else
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return dress(tokenizer)
