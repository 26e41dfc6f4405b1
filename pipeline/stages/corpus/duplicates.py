"""Decide, once all documents are clean, which of them repeat an earlier one; and drop those.

Which are dropped depends on the documents and their order alone, not on how they are divided into tasks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.progress import Progress
from pipeline.core.stage import Engine
from pipeline.data.engine import run_tasks, whole_folder
from pipeline.stages.corpus.config import Deduplicate
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.exact_duplicates import first_of_each
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.near_duplicates import candidate_pairs, choose_dropped
from pipeline.stages.corpus.shingles import Hashes, jaccard, shingle_hashes
from pipeline.stages.corpus.spool import Spools

PAIRS_A_TASK = 20_000
_REMEMBERED = 2**23
"""Shingles of the documents that were compared last: 64 MiB."""


@dataclass(frozen=True)
class Copies:
    """The documents that repeat an earlier one, by index in ascending order; arrays of one length."""

    dropped: NDArray[np.int64]
    of: NDArray[np.int64]
    """The index of the one that stays."""
    similarity: NDArray[np.float64]

    def save(self, path: Path) -> None:
        """Write the arrays as one file."""
        np.savez(path, dropped=self.dropped, of=self.of, similarity=self.similarity)

    @staticmethod
    def load(path: Path) -> Copies:
        """What `save` wrote."""
        arrays = np.load(path)
        return Copies(arrays["dropped"], arrays["of"], arrays["similarity"])


def find_copies(deduplicate: Deduplicate, clean: Path, folder: Path, engine: Engine, progress: Progress) -> None:
    """Write `exact.npz` and `near.npz` into `folder`, for the documents that `clean` holds. Near duplicates are looked
    for among those that are no exact ones. Memory: 16 bytes for each document and, for near ones, 250.
    """
    if folder.exists():
        return
    spools = Spools(clean)
    with whole_folder(folder) as target:
        exact = _exact_copies(spools) if deduplicate.exact else _NO_COPIES
        exact.save(target / "exact.npz")
        near = _NO_COPIES
        if deduplicate.near is not None:
            similar = _similar_pairs(exact, clean, folder.with_name("compare"), engine, progress)
            near = _near_copies(similar, deduplicate.near.threshold)
        near.save(target / "near.npz")


_NO_COPIES = Copies(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float64))


def _exact_copies(spools: Spools) -> Copies:
    first = first_of_each(spools.column("keys"))
    dropped = np.flatnonzero(first != np.arange(len(first)))
    return Copies(dropped, first[dropped], np.ones(len(dropped)))


def _similar_pairs(
    exact: Copies, clean: Path, folder: Path, engine: Engine, progress: Progress
) -> Iterator[NDArray[np.float64]]:
    """Candidates with their similarity, (pairs, 3), from tasks of so many pairs each."""
    pairs_file = folder / "pairs.npy"
    if not pairs_file.exists():
        bands = Spools(clean).column("bands")
        # Exact copies share all bands: each is given bands that nothing shares.
        bands[exact.dropped] = np.arange(bands[exact.dropped].size, dtype=np.uint64).reshape(-1, bands.shape[1])
        with whole_folder(folder) as target:
            np.save(target / "pairs.npy", candidate_pairs(bands))
    count = -(-len(np.load(pairs_file, mmap_mode="r")) // PAIRS_A_TASK)
    if count:
        run_tasks(Compare(str(clean), str(folder)), count, folder, engine, progress, unit="comparing task")
    return (np.load(folder / f"{rank:05}" / "similar.npy") for rank in range(count))


def _near_copies(similar: Iterable[NDArray[np.float64]], threshold: float) -> Copies:
    rows = (row for part in similar for row in part[part[:, 2] >= threshold].tolist())
    dropped = choose_dropped((int(lower), int(higher), similarity) for lower, higher, similarity in rows)
    indices = sorted(dropped)
    of, similarities = zip(*(dropped[index] for index in indices), strict=True) if indices else ((), ())
    return Copies(np.array(indices, np.int64), np.array(of, np.int64), np.array(similarities, np.float64))


@dataclass(frozen=True)
class Compare:
    """The task that computes the true similarity of a stretch of the candidates."""

    clean: str
    folder: str

    def __call__(self, rank: int) -> None:
        """Write `similar.npy` of the pairs of `rank`: lower, higher, similarity (pairs, 3)."""
        pairs = np.load(Path(self.folder, "pairs.npy"), mmap_mode="r")[rank * PAIRS_A_TASK : (rank + 1) * PAIRS_A_TASK]
        shingles = _Shingles(Spools(Path(self.clean)))
        similarities = [jaccard(shingles.of(lower), shingles.of(higher)) for lower, higher in pairs.tolist()]
        with whole_folder(Path(self.folder, f"{rank:05}")) as target:
            np.save(target / "similar.npy", np.column_stack([pairs, similarities]))


class _Shingles:
    """Sets of shingles, the last ones kept."""

    def __init__(self, spools: Spools) -> None:
        self._spools = spools
        self._kept: OrderedDict[int, Hashes] = OrderedDict()
        self._size = 0

    def of(self, index: int) -> Hashes:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        found = np.unique(shingle_hashes([self._spools.read(index).text])[0])
        self._kept[index] = found
        self._size += len(found)
        while self._size > _REMEMBERED and len(self._kept) > 2:
            self._size -= len(self._kept.popitem(last=False)[1])
        return found


def drop_copies(
    documents: Iterable[Document],
    rank: int = 0,
    world_size: int = 1,
    *,
    report: StepReport,
    copies: Copies,
    spools: Spools,
    reason: str,
) -> Iterator[Document]:
    """Let those documents pass that are no copies; the others are dropped, naming the one that stays."""
    for document in documents:
        place = int(np.searchsorted(copies.dropped, document.index))
        if place == len(copies.dropped) or copies.dropped[place] != document.index:
            yield document
            continue
        kept = spools.read(int(copies.of[place]))
        because: dict[str, Any] = {"of": f"{kept.id} ({kept.source})"}
        if reason == "near_duplicate":
            because["similarity"] = round(float(copies.similarity[place]), 4)
        report.drop(document, reason, **because)
