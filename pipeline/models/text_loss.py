"""How well a model predicts whole documents: nats of each, every token counted once, its end too.

A document is the begin token, its text's ids and the end token. Bits per byte, perplexity and floors are the callers'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.models.encoding import Encoder

_BATCH_TOKENS = 4096
"""Tokens per forward pass, padding counted."""


def encode_documents(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each document, begin and end token included; control tokens in a text stay text.

    Where a tokenizer has no begin token, its end token stands before the text too, as it does between documents.
    """
    return [ids.tolist() for ids in Encoder(tokenizer).documents(texts)]


def context_pieces(length: int, max_length: int) -> list[tuple[int, int]]:
    """(start, end) of the pieces in which a document of `length` tokens is read: each of at most `max_length` tokens.

    A piece starts with the last token of the one before it, so that every token but the first is predicted once.
    """
    starts = range(0, max(length - 1, 1), max_length - 1)
    return [(start, min(start + max_length, length)) for start in starts]


def document_losses(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], max_length: int
) -> list[tuple[float, int]]:
    """(nats, predicted tokens) of each document, read by itself; longer ones in pieces of `max_length` tokens.

    A document fits the context when its count is below `max_length`.
    """
    return encoded_losses(model, encode_documents(tokenizer, list(texts)), max_length)


def encoded_losses(
    model: PreTrainedModel, documents: Sequence[Sequence[int]], max_length: int
) -> list[tuple[float, int]]:
    """As `document_losses`, of documents that are ids already. The model is put in evaluation mode for the time."""
    rows = [
        (index, document[start:end])
        for index, document in enumerate(documents)
        for start, end in context_pieces(len(document), max_length)
    ]
    rows.sort(key=lambda row: len(row[1]))  # rows of one length together: little padding
    nats = [0.0] * len(documents)
    was_training = model.training
    model.eval()
    for batch in _batches(rows):
        for (index, _), loss in zip(batch, row_losses(model, [ids for _, ids in batch]), strict=True):
            nats[index] += loss
    model.train(was_training)
    return [(loss, len(document) - 1) for loss, document in zip(nats, documents, strict=True)]


def _batches(rows: Sequence[tuple[int, Sequence[int]]]) -> Iterator[list[tuple[int, Sequence[int]]]]:
    batch: list[tuple[int, Sequence[int]]] = []
    for row in rows:
        if batch and len(row[1]) * (len(batch) + 1) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


@torch.no_grad()
def row_losses(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> list[float]:
    """The negative log-likelihood of each row after its first token, in nats."""
    length = max(len(row) for row in rows)
    # Right padding needs no mask: no token of a row can see what comes after it.
    input_ids = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=model.device)
    ends = torch.tensor([len(row) for row in rows], device=model.device)
    logits = model(input_ids=input_ids, use_cache=False).logits[:, :-1].float()
    targets = input_ids[:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    counted = torch.arange(length - 1, device=model.device) < (ends - 1).unsqueeze(1)
    return (losses.double() * counted).sum(dim=1).tolist()
