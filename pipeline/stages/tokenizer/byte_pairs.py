"""Byte-level BPE: bytes, and pairs of tokens merged by how often they come."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.tokenizer.dress import dress

QWEN2_PATTERN = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is cut into words: the pattern that llama.cpp calls `qwen2`, letter by letter, so that a GGUF of the model
tokenizes as the model does."""


def train_byte_pairs(texts: Iterable[str], vocab_size: int) -> TokenizersBackend:
    """A tokenizer of at most `vocab_size` tokens. The order of the texts does not matter; nor is anything random."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # all bytes: what is not in the text would vanish else
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return dress(tokenizer)
