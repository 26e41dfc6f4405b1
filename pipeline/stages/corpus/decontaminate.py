"""Drop documents that hold a piece of a benchmark: a run of so many words that stands in one of its texts too.

As for GPT-3 (https://arxiv.org/abs/2005.14165, appendix C) a run of 13 words, lower case, punctuation aside. An item
with fewer words can never be found; `benchmarks.json` says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.rows import read_rows
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.funnel import StepReport
from pipeline.stages.corpus.shingles import Hashes, run_hashes, word_hashes


@dataclass(frozen=True)
class Benchmark:
    """What was read of one benchmark."""

    address: str
    rows: int
    items: int
    """Texts in all columns of the rows."""
    too_short: int
    """Items with fewer words than a run has."""
    runs: int
    """Runs of words that no benchmark before it has."""


@dataclass(frozen=True)
class Index:
    """The runs of words of all benchmarks."""

    hashes: Hashes
    """In ascending order, each once."""
    owners: NDArray[np.int32]
    """The first benchmark that each is of, by its place in `addresses`."""
    addresses: tuple[str, ...]
    ngram: int


def index_benchmarks(sources: Sequence[Resolved | Artifact], ngram: int, path: Path) -> list[Benchmark]:
    """Write the index of the benchmarks' runs of `ngram` words to `path` (npz), and say what was in each.

    Raises:
        DataError: for a benchmark none of whose items has so many words.
    """
    hashes, owners, benchmarks = np.zeros(0, np.uint64), np.zeros(0, np.int32), []
    for number, source in enumerate(sources):
        found, counts = _runs_of_benchmark(source, ngram)
        new = np.setdiff1d(found, hashes, assume_unique=True)
        hashes = np.concatenate([hashes, new])
        owners = np.concatenate([owners, np.full(len(new), number, np.int32)])
        benchmarks.append(Benchmark(*counts, len(new)))
    order = np.argsort(hashes)
    path.parent.mkdir(parents=True, exist_ok=True)
    addresses = np.array([benchmark.address for benchmark in benchmarks])
    np.savez(path, hashes=hashes[order], owners=owners[order], addresses=addresses, ngram=ngram)
    return benchmarks


def _runs_of_benchmark(source: Resolved | Artifact, ngram: int) -> tuple[Hashes, tuple[str, int, int, int]]:
    address = source.address or str(source.path)
    rows, items, too_short, found = 0, 0, 0, [np.zeros(0, np.uint64)]
    for _, row in read_rows(source):
        rows += 1
        for text in texts_in(row):
            runs = run_hashes(word_hashes(text.lower())[0], ngram)
            items, too_short = items + 1, too_short + (not len(runs))
            found.append(runs)
    if items == too_short:
        raise DataError(f"{address}: none of its {items} texts has {ngram} words, so nothing of it could be found; "
                        "name other data, or a lower `ngram`")  # fmt: skip
    return np.unique(np.concatenate(found)), (address, rows, items, too_short)


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a row, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def decontaminate(
    documents: Iterable[Document], rank: int = 0, world_size: int = 1, *, report: StepReport, index: str
) -> Iterator[Document]:
    """Drop documents with a run of words from a benchmark, as `benchmark`; `index` is the path of the runs."""
    for document in documents:
        found = overlap(document.text, load_index(index))
        if found is None:
            yield document
        else:
            report.drop(document, "benchmark", of=found[0], words=found[1])


def overlap(text: str, index: Index) -> tuple[str, str] | None:
    """The benchmark of which `text` holds a piece, and the first such piece; None if it holds none."""
    lowered = text.lower()
    words, starts = word_hashes(lowered)
    runs = run_hashes(words, index.ngram)
    if not len(runs) or not len(index.hashes):
        return None
    places = np.minimum(np.searchsorted(index.hashes, runs), len(index.hashes) - 1)
    hits = np.flatnonzero(index.hashes[places] == runs)
    if not len(hits):
        return None
    first = int(hits[0])
    end = int(starts[first + index.ngram]) if first + index.ngram < len(starts) else len(lowered)
    return index.addresses[index.owners[places[first]]], lowered[int(starts[first]) : end].strip()


@lru_cache(maxsize=1)
def load_index(path: str) -> Index:
    """The index, read once in each process."""
    arrays = np.load(path)
    return Index(arrays["hashes"], arrays["owners"], tuple(arrays["addresses"].tolist()), int(arrays["ngram"]))


def as_json(benchmarks: Iterable[Benchmark], ngram: int) -> dict[str, Any]:
    """What `benchmarks.json` holds."""
    return {"ngram": ngram, "benchmarks": [asdict(benchmark) for benchmark in benchmarks]}
