"""Tiny models, tokens and a tokenizer for these tests."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import TokenizersBackend

from pipeline.data.chat import CHAT_TEMPLATE, SPECIAL_TOKENS
from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM
from pipeline.models.loading import new_model

VOCAB_SIZE = 263
PAD, BEGIN, END = 0, 1, 2


def tiny_config(**changes) -> DecoderConfig:
    settings = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 32,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "pad_token_id": PAD,
        "initializer_range": 0.3,  # wide enough that positions, padding and neighbours show in the logits
    }
    return DecoderConfig(**{**settings, **changes})


def tiny_decoder(seed: int = 5, attention: str = "sdpa", **changes) -> DecoderForCausalLM:
    model = new_model(tiny_config(**changes), seed).eval()
    model.set_attn_implementation(attention)
    return model


def tiny_tokens(*shape: int, seed: int = 3) -> Tensor:
    return torch.randint(7, VOCAB_SIZE, shape, generator=torch.Generator().manual_seed(seed))


def tiny_rows(count: int, shortest: int, longest: int, seed: int = 3) -> list[list[int]]:
    lengths = torch.randint(shortest, longest + 1, (count,), generator=torch.Generator().manual_seed(seed)).tolist()
    return [tiny_tokens(length, seed=seed + row).tolist() for row, length in enumerate(lengths)]


def tiny_tokenizer() -> TokenizersBackend:
    """Bytes and special tokens, with the project's chat template."""
    bytes_and_marks = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(bytes_and_marks)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    pad, begin, end, *roles = SPECIAL_TOKENS
    wrapped = TokenizersBackend(
        tokenizer_object=tokenizer, pad_token=pad, bos_token=begin, eos_token=end, extra_special_tokens=roles
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped
