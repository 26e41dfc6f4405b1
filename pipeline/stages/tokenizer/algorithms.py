"""The algorithms by their names in a recipe: how each learns, and what can be asked of what it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transformers import TokenizersBackend

from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
from pipeline.stages.tokenizer.characters import known_characters, learn_characters
from pipeline.stages.tokenizer.config import SMALLEST, Config
from pipeline.stages.tokenizer.measures import NASTY_TEXTS
from pipeline.stages.tokenizer.sampling import Sample, pieces


@dataclass(frozen=True)
class Algorithm:
    """One way to find tokens in text."""

    learn: Callable[[Sample, Config], TokenizersBackend]
    """The tokenizer of a sample."""
    must_return: Callable[[TokenizersBackend], Sequence[str]]
    """Texts beside those of the corpus that must come back as they went in."""
    merges_from: int | None = None
    """The first id of a token that stands for several others; None where none does."""


def _byte_pairs(sample: Sample, config: Config) -> TokenizersBackend:
    assert config.vocab_size is not None
    return train_byte_pairs((piece for text in sample.training for piece in pieces(text)), config.vocab_size)


def _characters(sample: Sample, config: Config) -> TokenizersBackend:
    # Of the texts set aside to measure on too: a character that stands in them alone would be lost in training.
    return learn_characters([*sample.training, *sample.held_out])


ALGORITHMS: dict[str, Algorithm] = {
    "byte_bpe": Algorithm(_byte_pairs, lambda tokenizer: NASTY_TEXTS, merges_from=SMALLEST),
    "characters": Algorithm(_characters, lambda tokenizer: [known_characters(tokenizer)]),
}
