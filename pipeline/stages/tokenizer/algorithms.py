"""The algorithms by their names in a recipe: how each learns, and what can be asked of what it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
from pipeline.stages.tokenizer.character_pairs import BYTES, train_character_pairs
from pipeline.stages.tokenizer.characters import known_characters, learn_characters
from pipeline.stages.tokenizer.config import Config
from pipeline.stages.tokenizer.dress import WITH_UNKNOWN
from pipeline.stages.tokenizer.measures import NASTY_TEXTS
from pipeline.stages.tokenizer.sampling import Sample, pieces
from pipeline.stages.tokenizer.unigram import train_unigram
from pipeline.stages.tokenizer.word_pieces import PREFIX, train_word_pieces
from pipeline.stages.tokenizer.words import learn_words


@dataclass(frozen=True)
class Algorithm:
    """One way to find tokens in text."""

    learn: Callable[[Sample[Any], Config], TokenizersBackend]
    """The tokenizer of a sample."""
    must_return: Callable[[TokenizersBackend], Sequence[str]] | None
    """Texts beside those of the corpus that must come back as they went in; None where text may be lost."""
    first_learned: int | None = None
    """The first id of a token that was learned; None where every character is taken as it comes."""

    def learned(self, tokenizer: TokenizersBackend) -> list[int]:
        """The ids of the tokens that stand for several characters or bytes, or for a word."""
        if self.first_learned is None:
            return []
        ids = range(self.first_learned, len(tokenizer))
        tokens = tokenizer.convert_ids_to_tokens(list(ids))
        return [index for index, token in zip(ids, tokens, strict=True) if len(token.removeprefix(PREFIX)) > 1]


def _training(sample: Sample[Any]) -> Iterable[str]:
    return (piece for text in sample.training for piece in pieces(text))


def _sized(config: Config) -> int:
    assert config.vocab_size is not None
    return config.vocab_size


def _all_texts(tokenizer: TokenizersBackend) -> Sequence[str]:
    return NASTY_TEXTS


ALGORITHMS: dict[str, Algorithm] = {
    "byte_bpe": Algorithm(
        lambda sample, config: train_byte_pairs(_training(sample), _sized(config), config.pattern),
        _all_texts,
        len(SPECIAL_TOKENS) + len(BYTES),
    ),
    "bpe": Algorithm(
        lambda sample, config: train_character_pairs(_training(sample), _sized(config), config.pattern),
        _all_texts,
        len(SPECIAL_TOKENS) + len(BYTES),
    ),
    "wordpiece": Algorithm(
        lambda sample, config: train_word_pieces(_training(sample), _sized(config)), None, len(WITH_UNKNOWN)
    ),
    "unigram": Algorithm(
        lambda sample, config: train_unigram(_training(sample), _sized(config), config.pattern),
        _all_texts,
        len(SPECIAL_TOKENS),
    ),
    "words": Algorithm(
        lambda sample, config: learn_words(_training(sample), _sized(config), config.pattern), None, len(WITH_UNKNOWN)
    ),
    "characters": Algorithm(
        # Of the texts set aside to measure on too: a character that stands in them alone would be lost in training.
        lambda sample, config: learn_characters([*sample.training, *sample.held_out]),
        lambda tokenizer: [known_characters(tokenizer)],
    ),
}
