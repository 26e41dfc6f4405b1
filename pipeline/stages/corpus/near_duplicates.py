"""Find documents that are nearly the same as an earlier one: MinHash bands find candidates, true similarity decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]

from pipeline.stages.corpus.shingles import Hashes

BANDS, ROWS = 25, 5
WINDOW = 32
"""A document is compared with so many of a band's bucket before it: all pairs of a small bucket, not the square of a
large one."""

_SEED = 42
_MIX = np.uint64(0x9E3779B97F4A7C15)


def band_keys(shingles: Sequence[Hashes]) -> NDArray[np.uint64]:
    """One key for each band of each document, (documents, bands): documents share it when their band is equal."""
    offsets = np.cumsum([0] + [len(hashes) for hashes in shingles]).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(shingles), offsets, BANDS * ROWS, _SEED)
    digests = np.array(matrix.to_rows(), dtype=np.uint64).reshape(len(shingles), BANDS, ROWS)
    keys = np.zeros((len(shingles), BANDS), dtype=np.uint64)
    for row in range(ROWS):
        keys = keys * _MIX + digests[:, :, row]
    return keys


def candidate_pairs(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs (lower, higher) of rows that share a key in some band, in ascending order; (pairs, 2).

    Memory: some 25 bytes for each row, and 16 for each pair.
    """
    count = len(keys)
    pairs = np.zeros(0, dtype=np.int64)  # each as lower * count + higher
    for band in keys.T:
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        for distance in range(1, min(WINDOW, count - 1) + 1):
            same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
            if not len(same):
                break
            pairs = np.union1d(pairs, order[same] * count + order[same + distance])
    return np.stack(np.divmod(pairs, max(count, 1)), axis=1)


def choose_dropped(pairs: Iterable[tuple[int, int, float]]) -> dict[int, tuple[int, float]]:
    """Who is dropped, with the kept one it resembles and how much: in ascending order, whoever resembles a kept one."""
    below: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for lower, higher, similarity in pairs:
        below[higher].append((lower, similarity))
    dropped: dict[int, tuple[int, float]] = {}
    for index in sorted(below):
        kept = [neighbour for neighbour in below[index] if neighbour[0] not in dropped]
        if kept:
            dropped[index] = max(kept, key=lambda neighbour: neighbour[1])
    return dropped
