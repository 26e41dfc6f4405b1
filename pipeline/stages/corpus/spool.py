"""The clean documents of one task on disk, and what deciding about duplicates needs to know of each.

`documents.jsonl` holds the documents; `offsets.npy` where each starts (documents + 1,), `keys.npy` its text's key
(documents, 2), `bands.npy` the keys of its MinHash bands (documents, bands), `sizes.npy` the bytes of its text and
`sources.npy` the number of its source, (documents,) each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import DataError
from pipeline.data.batches import batches
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.exact_duplicates import text_key
from pipeline.stages.corpus.near_duplicates import BANDS, band_keys
from pipeline.stages.corpus.shingles import shingle_hashes

_AT_ONCE = 2**20
"""Characters whose bands are computed together."""


def write_spool(folder: Path, documents: Iterable[Document], sources: Sequence[str], near: bool) -> None:
    """Write the documents and their index into `folder`; with `near`, their bands too."""
    numbers = {address: number for number, address in enumerate(sources)}
    offsets, keys, sizes, origins = [0], [], [], []
    bands = [np.zeros((0, BANDS), dtype=np.uint64)]
    with open(folder / "documents.jsonl", "wb") as file:
        for batch in batches(documents, lambda document: len(document.text), _AT_ONCE):
            for document in batch:
                file.write(_encode(document))
                offsets.append(file.tell())
                keys.append(text_key(document.text))
                sizes.append(len(document.text.encode("utf-8")))
                origins.append(numbers[document.source])
            if near:
                bands.append(band_keys(shingle_hashes([document.text for document in batch])))
    np.save(folder / "offsets.npy", np.array(offsets, dtype=np.int64))
    np.save(folder / "keys.npy", np.frombuffer(b"".join(keys), dtype=np.uint64).reshape(-1, 2))
    np.save(folder / "sizes.npy", np.array(sizes, dtype=np.int64))
    np.save(folder / "sources.npy", np.array(origins, dtype=np.int16))
    if near:
        np.save(folder / "bands.npy", np.concatenate(bands))


class Spool:
    """The clean documents of one task, in order or by their place."""

    def __init__(self, folder: Path, first: int = 0) -> None:
        """`first` is the index of its first document among those of all tasks."""
        self._path, self._first = folder / "documents.jsonl", first
        self._offsets: NDArray[np.int64] = np.load(folder / "offsets.npy", mmap_mode="r")

    def __len__(self) -> int:
        """The number of documents."""
        return len(self._offsets) - 1

    def __iter__(self) -> Iterator[Document]:
        """All documents, in order."""
        with open(self._path, "rb") as file:
            for place, line in enumerate(file):
                yield self._decode(line, place)

    def read(self, place: int) -> Document:
        """One document by its place in the task."""
        with open(self._path, "rb") as file:
            file.seek(int(self._offsets[place]))
            return self._decode(file.readline(), place)

    def _decode(self, line: bytes, place: int) -> Document:
        text, identity, source, columns, generated = json.loads(line)
        return Document(text, identity, source, columns, False, generated, self._first + place)


class Spools:
    """The clean documents of all tasks."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds a folder for each task, named by its rank."""
        self.folders = sorted(path for path in folder.iterdir() if path.name.isdigit())
        sizes = [len(np.load(path / "offsets.npy", mmap_mode="r")) - 1 for path in self.folders]
        self.bounds = np.cumsum([0, *sizes])
        """Index of the first document of each task, and the number of all (tasks + 1,)."""

    def __len__(self) -> int:
        """The number of documents."""
        return int(self.bounds[-1])

    def of(self, rank: int) -> Spool:
        """The documents of one task."""
        return Spool(self.folders[rank], int(self.bounds[rank]))

    def read(self, index: int) -> Document:
        """One document by its index among all."""
        rank = int(np.searchsorted(self.bounds, index, side="right")) - 1
        return self.of(rank).read(index - int(self.bounds[rank]))

    def column(self, name: str) -> NDArray[Any]:
        """One column of the index over all documents, (documents, …)."""
        columns = [np.load(path / f"{name}.npy", mmap_mode="r") for path in self.folders]
        whole = np.empty((len(self), *columns[0].shape[1:]), dtype=columns[0].dtype)
        return np.concatenate(columns, out=whole)


def _encode(document: Document) -> bytes:
    values = [document.text, document.id, document.source, document.columns, document.generated]
    try:
        return json.dumps(values, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        raise DataError(f"{document.id}: a column holds half of a surrogate pair; correct the row") from None
