"""A model's loss on documents whose entropy is known, held against that entropy: the floor, and the excess over it.

Where the entropy comes from is the documents' matter (`surprisal`), what is a fault the checks'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.data.estimates import Estimate, ratio
from pipeline.data.surprisal import SURPRISAL


@dataclass(frozen=True)
class AgainstFloor:
    """Nats per unit of text (a character, a byte), over the same documents; ends are counted in nats, not in units."""

    loss: Estimate
    """The model's."""
    floor: Estimate
    """The text's own."""
    excess: Estimate
    """Their difference. Its error is far below that of either: both rise and fall with the documents."""


def against_floor(
    losses: Sequence[tuple[float, int]],
    documents: Sequence[Mapping[str, Any]],
    context_length: int,
    size: Callable[[str], int],
) -> AgainstFloor | None:
    """`losses` (nats, predicted tokens) against the surprisals of `documents`; None if none is known.

    `size` counts the units of a text. A document longer than the context is read in pieces, without what came before:
    no model could reach its floor, so it is left out.
    """
    known = [
        (nats, document[SURPRISAL], size(document["text"]))
        for (nats, tokens), document in zip(losses, documents, strict=True)
        if document.get(SURPRISAL) is not None and tokens < context_length
    ]
    if not known:
        return None
    nats, surprisals, sizes = zip(*known, strict=True)
    excess = [loss - surprisal for loss, surprisal in zip(nats, surprisals, strict=True)]
    return AgainstFloor(ratio(nats, sizes), ratio(surprisals, sizes), ratio(excess, sizes))


def utf8_size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode())
