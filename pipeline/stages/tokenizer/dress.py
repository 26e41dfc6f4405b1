"""A tokenizer of any algorithm as transformers knows it, with our special tokens and chat template."""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer
from transformers import TokenizersBackend

from pipeline.data.chat import CHAT_TEMPLATE
from pipeline.data.special_tokens import BEGIN_TOKEN, END_TOKEN, PAD_TOKEN, SPECIAL_TOKENS

UNKNOWN_TOKEN = "<|unknown|>"
"""Stands for text that a tokenizer cannot write: it is lost, and this mark is what is decoded."""
WITH_UNKNOWN = (*SPECIAL_TOKENS, UNKNOWN_TOKEN)
"""The first tokens of a tokenizer that cannot write everything."""


def dress(tokenizer: Tokenizer, unk_token: str | None = None) -> TokenizersBackend:
    """Roles of the special tokens, chat template, padding on the right."""
    marks = SPECIAL_TOKENS if unk_token is None else (*SPECIAL_TOKENS, unk_token)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in marks])
    named = {"bos_token": BEGIN_TOKEN, "eos_token": END_TOKEN, "pad_token": PAD_TOKEN}
    return TokenizersBackend(
        tokenizer_object=tokenizer,
        **named,
        unk_token=unk_token,
        extra_special_tokens=[token for token in SPECIAL_TOKENS if token not in named.values()],
        chat_template=CHAT_TEMPLATE,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
