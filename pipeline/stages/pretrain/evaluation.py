"""Figures on held-out documents: the model's loss, the text's own entropy where it is known, simpler models'."""

from __future__ import annotations

import math
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.core.stage import StageContext
from pipeline.data.floor import against_floor, utf8_size
from pipeline.data.slices import over_ranks
from pipeline.models.text_loss import document_losses, encode_documents
from pipeline.stages.pretrain.baselines import NGrams, gzip_bits
from pipeline.stages.pretrain.token_store import TokenStore

Documents = list[dict[str, Any]]


def loss_figures(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, documents: Documents, context: StageContext
) -> dict[str, Any]:
    """The model's loss per token, byte and character, and its distance from the floor."""
    texts = [document["text"] for document in documents]
    context_length = model.config.max_position_embeddings

    def lose(part: range) -> list[tuple[float, int]]:
        return document_losses(model, tokenizer, texts[part.start : part.stop], context_length)

    losses = over_ranks(context.processes, len(texts), lose)
    nats, tokens = sum(loss for loss, _ in losses), sum(count for _, count in losses)
    return {
        "validation_loss": nats / tokens,
        "bits_per_byte": nats / math.log(2) / sum(map(utf8_size, texts)),
        "nats_per_char": nats / sum(map(len, texts)),
        "validation_documents": len(texts),
        **floor_figures(losses, documents, context_length),
    }


def floor_figures(losses: list[tuple[float, int]], documents: Documents, context_length: int) -> dict[str, Any]:
    """The exact entropy of documents whose `surprisal` is known, and the model's excess over it on the same ones."""
    found = against_floor(losses, documents, context_length, len)
    if found is None:
        return {}
    return {
        "floor_nats_per_char": found.floor.value,
        "excess_nats_per_char": found.excess.value,
        "excess_standard_error": found.excess.standard_error or 0.0,
        "floor_documents": found.excess.n,
    }


def baseline_figures(
    store: TokenStore, tokenizer: PreTrainedTokenizerBase, documents: Documents, vocab_size: int
) -> dict[str, float]:
    """Bits per byte of a unigram and a bigram model of the same tokens, and of gzip."""
    texts = [document["text"] for document in documents]
    encoded, size = encode_documents(tokenizer, texts), sum(map(utf8_size, texts))
    grams = NGrams(store, vocab_size)
    return {
        "unigram_bits_per_byte": grams.unigram_nats(encoded) / math.log(2) / size,
        "bigram_bits_per_byte": grams.bigram_nats(encoded) / math.log(2) / size,
        "gzip_bits_per_byte": gzip_bits(texts) / size,
    }
