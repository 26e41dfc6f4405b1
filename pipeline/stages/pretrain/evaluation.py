"""Figures on held-out documents: the model's loss, the text's own entropy where it is known, simpler models'."""

from __future__ import annotations

import math
from typing import Any

from pipeline.data.floor import against_floor, utf8_size
from pipeline.stages.pretrain.baselines import NGrams, gzip_bits
from pipeline.stages.pretrain.held_out import HeldOut, Losses
from pipeline.stages.pretrain.token_store import TokenStore

Documents = list[dict[str, Any]]


def loss_figures(held_out: HeldOut, steps: int) -> dict[str, Any]:
    """The model's loss after the last of its steps per token, byte and character, and its distance from the floor."""
    losses, texts = held_out.document_losses(steps), held_out.texts
    nats, tokens = sum(loss for loss, _ in losses), sum(count for _, count in losses)
    context_length = held_out.model.config.max_position_embeddings
    return {
        "validation_loss": nats / tokens,
        "bits_per_byte": nats / math.log(2) / sum(map(utf8_size, texts)),
        "nats_per_char": nats / sum(map(len, texts)),
        "validation_documents": len(texts),
        "validation_windows": len(held_out.windows),
        "evaluated_windows": len(held_out.evaluated) if held_out.interval else 0,
        **floor_figures(losses, held_out.documents, context_length),
    }


def floor_figures(losses: Losses, documents: Documents, context_length: int) -> dict[str, Any]:
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


def baseline_figures(store: TokenStore, held_out: HeldOut) -> dict[str, float]:
    """Bits per byte of a unigram and a bigram model of the same tokens, and of gzip."""
    size = sum(map(utf8_size, held_out.texts))
    grams = NGrams(store, held_out.model.config.vocab_size)
    return {
        "unigram_bits_per_byte": grams.unigram_nats(held_out.encoded) / math.log(2) / size,
        "bigram_bits_per_byte": grams.bigram_nats(held_out.encoded) / math.log(2) / size,
        "gzip_bits_per_byte": gzip_bits(held_out.texts) / size,
    }
