"""One token for each character of a text.

A character that is not in the text becomes `<|unknown|>`: it is lost, and stands in what is decoded as that mark.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models
from transformers import TokenizersBackend

from pipeline.stages.tokenizer.dress import UNKNOWN_TOKEN, WITH_UNKNOWN, dress


def learn_characters(texts: Iterable[str]) -> TokenizersBackend:
    """A tokenizer of every character of `texts`, in the order of their code points."""
    found: set[str] = set()
    for text in texts:
        found.update(text)
    tokens = [*WITH_UNKNOWN, *sorted(found)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    # Byte pairs of which none are merged: characters, and twice as fast as a table of words cut into characters.
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN_TOKEN, fuse_unk=False))
    tokenizer.decoder = decoders.Fuse()
    return dress(tokenizer, unk_token=UNKNOWN_TOKEN)


def known_characters(tokenizer: TokenizersBackend) -> str:
    """Every character that the tokenizer has a token for, in the order of the tokens."""
    first = len(WITH_UNKNOWN)
    return "".join(tokenizer.convert_ids_to_tokens(list(range(first, len(tokenizer)))))
