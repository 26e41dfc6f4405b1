"""Drop documents whose text is the same but for white space, keeping the first in reading order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest


def text_key(text: str) -> bytes:
    """The same for two texts exactly when they differ in white space alone; 16 bytes."""
    return xxh3_128_digest(" ".join(text.split()).encode("utf-8", "surrogatepass"))


def first_of_each(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each row of `keys` (documents, 2) the lowest row that is the same, its own if it is the first."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: rows that are the same stay in ascending order
    ordered = keys[order]
    starts = np.concatenate([[True], np.any(ordered[1:] != ordered[:-1], axis=1)])[: len(keys)]
    groups = np.cumsum(starts) - 1
    first = np.empty(len(keys), dtype=np.int64)
    first[order] = order[np.flatnonzero(starts)][groups]
    return first
