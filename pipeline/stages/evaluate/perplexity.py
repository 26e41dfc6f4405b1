"""Bits per byte and perplexity of a corpus' validation documents, beside the text's own entropy where that is known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from pipeline.artifacts import Corpus
from pipeline.core.errors import StageError
from pipeline.data.estimates import Estimate, ratio
from pipeline.data.floor import against_floor, utf8_size
from pipeline.data.slices import over_ranks
from pipeline.models.text_loss import document_losses
from pipeline.stages.evaluate.figures import Figure
from pipeline.stages.evaluate.subject import Setting, Subject

TASK = "perplexity"


def make() -> Perplexity:
    """What `builtin:perplexity` opens."""
    return Perplexity()


class Perplexity:
    """How well a model predicts held-out text, each document for itself, its end counted."""

    name = TASK

    def figures(self, subject: Subject, setting: Setting) -> list[Figure]:
        """Bits per byte and perplexity of all documents; of those whose entropy is known, also the excess over it."""
        assert setting.corpus is not None  # the config demands a corpus beside this task
        documents = validation_documents(setting.corpus, setting.config.num_documents)
        texts = [document["text"] for document in documents]
        context_length = subject.model.config.max_position_embeddings

        def lose(part: range) -> list[tuple[float, int]]:
            return document_losses(subject.model, subject.tokenizer, texts[part.start : part.stop], context_length)

        losses = over_ranks(setting.processes, len(texts), lose)
        figures = text_figures(subject.address, losses, texts)
        return figures + floor_figures(subject.address, losses, documents, context_length)


def text_figures(model: str, losses: Sequence[tuple[float, int]], texts: Sequence[str]) -> list[Figure]:
    """Bits per byte, and perplexity per token (error by the exponential's slope); `losses` are (nats, tokens)."""
    nats, tokens = zip(*losses, strict=True)
    per_token = ratio(nats, tokens)
    perplexity = math.exp(per_token.value)
    error = None if per_token.standard_error is None else perplexity * per_token.standard_error
    return [
        Figure(model, TASK, "all", "bits_per_byte", in_bits(ratio(nats, [utf8_size(text) for text in texts]))),
        Figure(model, TASK, "all", "perplexity", Estimate(perplexity, error, per_token.n)),
    ]


def floor_figures(
    model: str, losses: Sequence[tuple[float, int]], documents: Sequence[dict[str, Any]], context_length: int
) -> list[Figure]:
    """The same documents' loss and entropy, over those with a known `surprisal` that the model reads in one piece."""
    found = against_floor(losses, documents, context_length, utf8_size)
    if found is None:
        return []
    return [
        Figure(model, TASK, "generated", "bits_per_byte", in_bits(found.loss), in_bits(found.floor).value),
        Figure(model, TASK, "generated", "excess_nats_per_byte", found.excess, 0.0),
    ]


def in_bits(nats: Estimate) -> Estimate:
    """The same in bits."""
    error = None if nats.standard_error is None else nats.standard_error / math.log(2)
    return Estimate(nats.value / math.log(2), error, nats.n)


def validation_documents(corpus: Corpus, limit: int) -> list[dict[str, Any]]:
    """The first `limit` documents of the validation split; drawn at random, so its start is as good as any part.

    Raises:
        StageError: if there are none.
    """
    documents = list(islice(_rows(corpus), limit))
    if not documents:
        raise StageError(
            f"{corpus.address or corpus.path}: no validation documents; set `validation` in the corpus stage"
        )
    return documents


def _rows(corpus: Corpus) -> Iterator[dict[str, Any]]:
    for shard in corpus.shards("validation"):
        with open(shard, encoding="utf-8") as file:
            yield from map(json.loads, file)
