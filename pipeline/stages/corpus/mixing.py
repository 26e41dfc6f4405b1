"""Weigh sources against each other: leave out or repeat training documents until each source has its share of text.

Shares are of the UTF-8 bytes of text: a corpus is made before its tokenizer, whose report says how many bytes of each
source go into a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from xxhash import xxh3_64_intdigest

from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.shards import split_of

_SALT = 7
"""The split of a document is decided by the hash of its text; whether it is drawn must not depend on that."""


def epochs_of(weights: Mapping[str, float], sizes: Mapping[str, int], max_epochs: float) -> dict[str, float]:
    """How often each source's documents stand in the corpus, so that their bytes are in proportion to the weights.

    The whole is as large as all sources together, or smaller where the source that is scarcest for its weight would
    stand in it more than `max_epochs` times.
    """
    total_weight = sum(weights[source] for source in sizes)
    shares = {source: weights[source] / total_weight for source in sizes}
    largest = min(max_epochs * size / shares[source] for source, size in sizes.items())
    whole = min(sum(sizes.values()), largest)
    return {source: whole * shares[source] / size for source, size in sizes.items()}


def mix(
    documents: Iterable[Document],
    rank: int = 0,
    world_size: int = 1,
    *,
    report: StepReport,
    epochs: Mapping[str, float],
    validation: float,
) -> Iterator[Document]:
    """Each training document as often as its source's epochs say: the whole part for all of them, one time more for a
    share of them. Documents that are held out pass once.
    """
    for document in documents:
        held_out = split_of(document.text, validation) == "validation"
        times = 1 if held_out else draws(document.text, epochs[document.source])
        if not times:
            report.drop(document, "not_drawn")
        elif times > 1:
            report.repeated[document.source] += times - 1
        for _ in range(times):
            yield document


def draws(text: str, epochs: float) -> int:
    """How often a text is taken: `epochs` on average over all texts."""
    whole = int(epochs)
    return whole + (xxh3_64_intdigest(text.encode("utf-8"), seed=_SALT) < (epochs - whole) * 2**64)
