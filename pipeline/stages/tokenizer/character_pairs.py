"""BPE of characters: pairs of tokens merged by how often they come; what is rare is written as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, trainers
from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.models.word_patterns import by_pattern
from pipeline.stages.tokenizer.alphabet import frequent_characters
from pipeline.stages.tokenizer.dress import dress

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
"""As the library and SentencePiece call them. No pattern leaves such a name of a text in one word."""


def train_character_pairs(texts: Iterable[str], vocab_size: int, pattern: str) -> TokenizersBackend:
    """A tokenizer of at most `vocab_size` tokens, half of those that are learned at most being single characters."""
    texts = list(texts)
    room = vocab_size - len(SPECIAL_TOKENS) - len(BYTES)
    alphabet = frequent_characters(texts, max(1, room // 2))
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = by_pattern(pattern)
    trainer = trainers.BpeTrainer(
        vocab_size=room, initial_alphabet=alphabet, limit_alphabet=len(alphabet), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]
    tokens = [*SPECIAL_TOKENS, *BYTES, *sorted(learned["vocab"], key=learned["vocab"].get)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    merges = [tuple(merge) for merge in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True))
    tokenizer.pre_tokenizer = by_pattern(pattern)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return dress(tokenizer)
