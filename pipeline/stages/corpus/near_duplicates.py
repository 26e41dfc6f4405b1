"""Drop documents that are nearly the same as one that stays: MinHash bands find candidates, true similarity decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]

from pipeline.stages.corpus.document import Document, Spool
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.shingles import Hashes, jaccard, shingle_hashes

BANDS, ROWS = 25, 5
WINDOW = 32
"""A document is compared with so many of a band's bucket before it: all pairs of a small bucket, not the square of a
large one."""

_SEED = 42
_BATCH = 1024
_MIX = np.uint64(0x9E3779B97F4A7C15)


def drop_near_duplicates(
    documents: Iterable[Document],
    rank: int = 0,
    world_size: int = 1,
    *,
    report: StepReport,
    work: Path,
    threshold: float,
) -> Iterator[Document]:
    """Two passes: find who resembles whom, then let all pass but those that resemble a kept document of a lower id.

    Every dropped document has a kept one at a true five-word Jaccard similarity of `threshold` or more, and which
    are dropped does not depend on the order of arrival. Memory: 200 bytes and the id for each document, and the
    hashes of those that share a band.
    """
    spool = Spool(work / f"near-{rank}.jsonl")
    names: list[tuple[str, str]] = []
    keys = [np.zeros((0, BANDS), dtype=np.uint64)]
    documents = iter(documents)
    while batch := list(islice(documents, _BATCH)):
        keys.append(band_keys(shingle_hashes([document.text for document in batch])))
        for document in batch:
            spool.add(document)
            names.append((document.id, document.source))
    by_id = sorted(range(len(names)), key=names.__getitem__)
    pairs = candidate_pairs(np.concatenate(keys)[by_id])
    dropped = choose_dropped(verified_pairs(pairs, by_id, spool, threshold))
    yield from _release(spool, by_id, names, dropped, report)
    spool.remove()


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
    """Pairs (lower, higher) of rows that share a key in some band, in ascending order; (pairs, 2)."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    for band in keys.T:
        order = np.argsort(band, kind="stable")
        for distance in range(1, min(WINDOW, len(band) - 1) + 1):
            same = np.flatnonzero(band[order[distance:]] == band[order[:-distance]])
            if not len(same):
                break
            found.append(np.stack([order[same], order[same + distance]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def verified_pairs(
    pairs: NDArray[np.int64], places: Sequence[int], spool: Spool, threshold: float
) -> list[tuple[int, int, float]]:
    """The pairs that are as similar as `threshold`, with their similarity; `places` says where each is spooled."""
    hashes: dict[int, Hashes] = {}
    for index in sorted(np.unique(pairs).tolist(), key=places.__getitem__):
        hashes[index] = np.unique(shingle_hashes([spool.read(places[index]).text])[0])
    similar = ((lower, higher, jaccard(hashes[lower], hashes[higher])) for lower, higher in pairs.tolist())
    return [pair for pair in similar if pair[2] >= threshold]


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


def _release(
    spool: Spool,
    by_id: Sequence[int],
    names: Sequence[tuple[str, str]],
    dropped: dict[int, tuple[int, float]],
    report: StepReport,
) -> Iterator[Document]:
    because = {by_id[index]: (by_id[kept], similarity) for index, (kept, similarity) in dropped.items()}
    for place, document in enumerate(spool):
        if place not in because:
            yield document
            continue
        kept, similarity = because[place]
        identity, source = names[kept]
        report.drop(document, "near_duplicate", of=f"{identity} ({source})", similarity=round(similarity, 4))
