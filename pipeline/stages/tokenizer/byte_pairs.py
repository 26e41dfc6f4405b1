"""Train byte-level BPE and dress it as a transformers tokenizer with our special tokens and chat template."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import TokenizersBackend

from pipeline.data.chat import CHAT_TEMPLATE
from pipeline.data.special_tokens import BEGIN_TOKEN, END_TOKEN, PAD_TOKEN, SPECIAL_TOKENS

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


def dress(tokenizer: Tokenizer) -> TokenizersBackend:
    """The tokenizer as transformers knows it: roles of the special tokens, chat template, padding on the right."""
    named = {"bos_token": BEGIN_TOKEN, "eos_token": END_TOKEN, "pad_token": PAD_TOKEN}
    return TokenizersBackend(
        tokenizer_object=tokenizer,
        **named,
        extra_special_tokens=[token for token in SPECIAL_TOKENS if token not in named.values()],
        chat_template=CHAT_TEMPLATE,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
