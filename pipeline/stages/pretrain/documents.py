"""The corpus' files, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipeline.artifacts import Corpus
from pipeline.core.errors import StageError


def read_split(corpus: Corpus, split: str) -> Iterator[dict[str, Any]]:
    """Every document of a split, in the order of the files."""
    for shard in corpus.shards(split):
        with open(shard, encoding="utf-8") as file:
            yield from map(json.loads, file)


def validation_documents(corpus: Corpus, limit: int) -> list[dict[str, Any]]:
    """The first `limit` held-out documents: which ones are held out is random already.

    Raises:
        StageError: if there are none.
    """
    documents = list(islice(read_split(corpus, "validation"), limit))
    if not documents:
        raise StageError(
            f"{corpus.address or corpus.path}: no held-out documents; set `validation` in the corpus stage"
        )
    return documents
