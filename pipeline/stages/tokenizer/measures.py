"""What a tokenizer makes of text: bytes per token, exact round trips, tokens never used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.models.encoding import Encoder

NASTY_TEXTS = (
    "".join(chr(code) for code in range(0x20)) + "\x7f\x80\x9f\xa0\xad\ufeff\ufffd",
    "tab\tand  two   spaces \n\n\r\n end  ",
    "naïve e\u0301 A\u030a ﬁ Ａ １２３ 4567 ½ don't DON'T 'tis",
    "日本語 кириллица العربية עברית हिन्दी ไทย 한국어",
    "👩‍👩‍👧‍👦 🏳️‍🌈 \U0010fffd \U000e0001",
    "def f(x):\n\treturn {'a': [1, 2.5e-3]}  # <html>&amp;</html>",
    " ".join(SPECIAL_TOKENS) + "".join(SPECIAL_TOKENS),
)
"""Texts that must come back as they went in, though none of them need be like the training text."""


def encode(tokenizer: TokenizersBackend, texts: Sequence[str]) -> list[list[int]]:
    """Each text's ids; special tokens that stand in a text are text."""
    return [ids.tolist() for ids in Encoder(tokenizer).encode(texts)]


def bytes_per_token(texts: Iterable[str], ids: Iterable[Sequence[int]]) -> float:
    """Bytes of UTF-8 for each token."""
    return sum(len(text.encode("utf-8")) for text in texts) / sum(len(row) for row in ids)


def round_trip_share(tokenizer: TokenizersBackend, texts: Sequence[str], ids: Sequence[Sequence[int]]) -> float:
    """Share of the texts that decoding gives back exactly."""
    decoded = [tokenizer.decode(list(row), clean_up_tokenization_spaces=False) for row in ids]
    return sum(one == other for one, other in zip(texts, decoded, strict=True)) / len(texts)


def unused_tokens(ids: Iterable[Sequence[int]], learned: Iterable[int]) -> list[int]:
    """Which of the tokens `learned` never occur in `ids`."""
    used = {token for row in ids for token in row}
    return [token for token in learned if token not in used]


def unknown_share(tokenizer: TokenizersBackend, ids: Iterable[Sequence[int]]) -> float:
    """Share of the tokens that stand for text which is lost."""
    rows = list(ids)
    unknown = sum(list(row).count(tokenizer.unk_token_id) for row in rows)  # pyright: ignore[reportArgumentType] -- None counts 0
    return unknown / max(1, sum(len(row) for row in rows))
