"""Small models as they come from elsewhere: real architectures with random weights, and byte-level tokenizers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
    TokenizersBackend,
)

SHAPE: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip


def _llama(vocab_size: int) -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocab_size, **SHAPE))


def _qwen3(vocab_size: int) -> PreTrainedModel:
    return Qwen3ForCausalLM(
        Qwen3Config(vocab_size=vocab_size, **SHAPE | {"head_dim": 16, "tie_word_embeddings": False})
    )


def _gpt2(vocab_size: int) -> PreTrainedModel:
    ids: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocab_size, n_embd=32, n_layer=1, n_head=2, n_positions=512, **ids))


FAMILIES: dict[str, Callable[[int], PreTrainedModel]] = {"llama": _llama, "qwen3": _qwen3, "gpt2": _gpt2}
"""Fresh models by family; SmolLM2 is a Llama."""


def tokenizer_of(special: list[str], end: str | None, template: str | None = None, pad: str | None = None) -> Any:
    """Bytes and these special tokens, as a tokenizer of the Hub has them."""
    vocabulary = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(vocabulary)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    backend.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    others = [token for token in special if token not in (end, pad)]
    tokenizer = TokenizersBackend(tokenizer_object=backend, eos_token=end, pad_token=pad, extra_special_tokens=others)
    tokenizer.chat_template = template
    return tokenizer


def save_foreign(
    folder: Path, tokenizer: Any, family: str = "llama", rows: int | None = None, seed: int = 0
) -> PreTrainedModel:
    """A model of that family with its tokenizer in `folder`, as `save_pretrained` leaves them; in evaluation mode."""
    torch.manual_seed(seed)
    model = FAMILIES[family](len(tokenizer) if rows is None else rows).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model
