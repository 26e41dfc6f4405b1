"""One token for each of the most frequent words, the space before it included; other words become `<|unknown|>`."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, trainers
from transformers import TokenizersBackend

from pipeline.models.word_patterns import by_pattern
from pipeline.stages.tokenizer.dress import UNKNOWN_TOKEN, WITH_UNKNOWN, dress


def learn_words(texts: Iterable[str], vocab_size: int, pattern: str) -> TokenizersBackend:
    """A tokenizer of at most `vocab_size` tokens, words being what the named pattern cuts off."""
    learner = Tokenizer(models.WordLevel({UNKNOWN_TOKEN: 0}, unk_token=UNKNOWN_TOKEN))
    learner.pre_tokenizer = by_pattern(pattern)
    trainer = trainers.WordLevelTrainer(vocab_size=vocab_size, special_tokens=list(WITH_UNKNOWN), show_progress=False)
    learner.train_from_iterator(texts, trainer)
    tokenizer = Tokenizer(models.WordLevel(learner.get_vocab(with_added_tokens=False), unk_token=UNKNOWN_TOKEN))
    tokenizer.pre_tokenizer = by_pattern(pattern)
    tokenizer.decoder = decoders.Fuse()
    return dress(tokenizer, UNKNOWN_TOKEN)
