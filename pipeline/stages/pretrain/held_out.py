"""The held-out documents, as they are read in the course of training and at its end: the same windows each time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pipeline.core.stage import StageContext
from pipeline.data.floor import utf8_size
from pipeline.data.slices import over_ranks
from pipeline.models.text_loss import context_pieces, encode_documents, encoded_losses
from pipeline.training.rows import RowPlan
from pipeline.training.whole import Whole

_MOST = 8
_COST = 0.01
"""Of a training's FLOPs that `auto` spends on evaluations."""

Losses = list[tuple[float, int]]
"""(nats, predicted tokens) of each part."""


class Window(NamedTuple):
    """A document, or the part of a longer one that the context holds; it starts with the last token of the one before,
    so that every token but a document's first is predicted once.
    """

    document: int
    start: int
    end: int


@dataclass
class HeldOut:
    """Documents that are never trained on, and how well a model predicts them."""

    model: PreTrainedModel
    """The one that trains; it may be sharded."""
    tokenizer: PreTrainedTokenizerBase
    documents: list[dict[str, Any]]
    context: StageContext
    interval: int = field(default=0, init=False)
    """Steps between evaluations, a multiple of those between lines; 0 for none."""
    texts: list[str] = field(init=False)
    encoded: list[list[int]] = field(init=False)
    windows: list[Window] = field(init=False)
    evaluated: list[Window] = field(init=False)
    """The windows that are read in the course of training."""
    _latest: tuple[int, list[Window], Losses] = field(default=(-1, [], []), init=False)

    def __post_init__(self) -> None:
        """Encode them once. The model is not sharded yet."""
        self._whole = Whole(self.model)
        self.texts = [document["text"] for document in self.documents]
        self.encoded = encode_documents(self.tokenizer, self.texts)
        self.windows = self.evaluated = [
            Window(index, *piece)
            for index, ids in enumerate(self.encoded)
            for piece in context_pieces(len(ids), self.model.config.max_position_embeddings)
        ]

    def plan(self, evaluations: int | Literal["auto"], rows: RowPlan, log_every: int) -> None:
        """Have a training on `rows` evaluated so many times, on logging steps.

        `auto` is eight times, on as many windows, evenly chosen, as cost little beside it: reading a token takes a
        third of what training on it does.
        """
        if evaluations == "auto":
            evaluations = _MOST
            affordable = 3 * _COST * rows.tokens_at(rows.steps) / evaluations
            share = min(1.0, affordable / sum(end - start for _, start, end in self.windows))
            places = np.linspace(0, len(self.windows), max(1, int(share * len(self.windows))), endpoint=False)
            self.evaluated = [self.windows[place] for place in places.astype(int)]
        self.interval = math.ceil(rows.steps / evaluations / log_every) * log_every if evaluations else 0

    def count(self, token: int) -> int:
        """How often a token stands in them."""
        return sum(document.count(token) for document in self.encoded)

    def due(self, done: int, steps: int) -> bool:
        """Whether to read them after step `done` of `steps`."""
        return self.interval > 0 and (done % self.interval == 0 or done == steps)

    def evaluate(self, done: int) -> dict[str, float]:
        """The loss after step `done`, for that step's line. Called by every process."""
        losses = self._losses(done, self.evaluated)
        nats, tokens = (sum(part) for part in zip(*losses, strict=True))
        size = sum(self._size(window) for window in self.evaluated)
        return {"validation_loss": nats / tokens, "validation_bits_per_byte": nats / math.log(2) / size}

    def document_losses(self, done: int) -> Losses:
        """What each document costs after step `done`, the last one. Called by every process."""
        nats, tokens = [0.0] * len(self.encoded), [0] * len(self.encoded)
        for window, (loss, count) in zip(self.windows, self._losses(done, self.windows), strict=True):
            nats[window.document] += loss
            tokens[window.document] += count
        return list(zip(nats, tokens, strict=True))

    def whole_model(self) -> PreTrainedModel:
        """The model as it is now, with all weights on this process. Called by every process."""
        return self._whole.of(self.model)

    def _losses(self, done: int, windows: list[Window]) -> Losses:
        """What each window costs, on every process; at the end of training they may have been read a moment before."""
        if self._latest[:2] != (done, windows):
            ids = [self.encoded[window.document][window.start : window.end] for window in windows]
            model, length = self.whole_model(), self.model.config.max_position_embeddings
            found = over_ranks(
                self.context.processes,
                len(ids),
                lambda part: encoded_losses(model, ids[part.start : part.stop], length),
            )
            self._latest = done, windows, found
        return self._latest[2]

    def _size(self, window: Window) -> float:
        """Bytes of text that a window predicts; those of a document that is cut are shared evenly among its tokens."""
        predicted = len(self.encoded[window.document]) - 1
        return utf8_size(self.texts[window.document]) * (window.end - window.start - 1) / predicted
