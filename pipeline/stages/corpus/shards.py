"""Divide documents into the splits and write them as JSON lines that `load_dataset` opens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from xxhash import xxh3_64_intdigest

from pipeline.core.errors import DataError
from pipeline.core.progress import Progress
from pipeline.data.surprisal import SURPRISAL
from pipeline.stages.corpus.document import Document

SHARD_BYTES = 500_000_000
_EVERY = 1_000
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string"}


def split_of(text: str, validation: float) -> str:
    """`validation` for that share of all texts, chosen by their hash; else `train`."""
    return "validation" if xxh3_64_intdigest(text.encode("utf-8")) < validation * 2**64 else "train"


def whole(document: Document, validation: float) -> Iterator[tuple[str, Document]]:
    """The document as it is, in the split of its text."""
    yield split_of(document.text, validation), document


def cut(document: Document, validation: float) -> Iterator[tuple[str, Document]]:
    """The first part of the document in `train`, the last share of its characters in `validation`."""
    place = int(len(document.text) * (1 - validation))
    parts = {"train": (document.text[:place], document.id), "validation": (document.text[place:], f"{document.id}:end")}
    columns = {**document.columns, **({SURPRISAL: None} if SURPRISAL in document.columns else {})}
    for split, (text, identity) in parts.items():
        if text:
            yield split, Document(text, identity, document.source, columns)


DIVISIONS: dict[str, Callable[[Document, float], Iterator[tuple[str, Document]]]] = {"documents": whole, "ends": cut}
"""How a document comes into the splits, by the names of `validation_from`."""


class Shards:
    """Files `SPLIT-00000.jsonl`, a new one when the last is full, and the types of their columns."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        """Files are made when the first document of their split comes."""
        self._folder = folder
        self._limit = shard_bytes
        self._files: dict[str, IO[bytes]] = {}
        self._numbers: dict[str, int] = {}
        self.documents: dict[str, int] = {"train": 0, "validation": 0}
        self.bytes: dict[str, int] = {"train": 0, "validation": 0}
        self.generated = 0
        """Documents whose surprisal is known."""
        self._types: dict[str, set[type]] = {}

    def write(self, document: Document, split: str) -> None:
        """Append one document to a split."""
        row = document.row()
        for name, value in row.items():
            self._types.setdefault(name, set()).add(type(value))
        self._file(split).write(_encoded(row) + b"\n")
        self.documents[split] += 1
        self.generated += document.generated is not None
        self.bytes[split] += len(document.text.encode("utf-8"))

    def close(self) -> None:
        """Finish the files and write the `README.md` that tells `load_dataset` of them."""
        for file in self._files.values():
            file.close()
        (self._folder / "README.md").write_text("\n".join(self._readme()) + "\n", encoding="utf-8")

    def _file(self, split: str) -> IO[bytes]:
        if split in self._files and self._files[split].tell() >= self._limit:
            self._files.pop(split).close()
        if split not in self._files:
            number = self._numbers[split] = self._numbers.get(split, -1) + 1
            self._files[split] = open(self._folder / f"{split}-{number:05}.jsonl", "wb")  # noqa: SIM115 -- closed by its owner
        return self._files[split]

    def _readme(self) -> Iterator[str]:
        yield from ("---", "configs:", "- config_name: default", "  data_files:")
        for split in self._numbers:
            yield from (f"  - split: {split}", f"    path: {split}-*.jsonl")
        types = {name: _column_type(found) for name, found in self._types.items()}
        # Not every document has every column, and load_dataset guesses from the first rows. Only plain values can be
        # declared here; with others among them it is left to guess.
        if all(types.values()):
            yield from ("dataset_info:", "  features:")
            for name, kind in types.items():
                yield from (f"  - name: {json.dumps(name)}", f"    dtype: {kind}")
        yield from ("---", "", "# Corpus", "", "Made by gristmill; `funnel.json` says from what and how.")


def _encoded(row: dict[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(f"{row['id']}: a column holds half of a surrogate pair; correct the row") from None


def _column_type(found: set[type]) -> str | None:
    """The type that holds all of the values, if they are plain and of one kind."""
    kinds = found - {type(None)}
    if kinds == {int, float}:
        return "float64"
    return _TYPES.get(next(iter(kinds))) if len(kinds) == 1 else None if kinds else "string"


def write_splits(
    documents: Iterable[Document], folder: Path, validation: float, validation_from: str, progress: Progress
) -> Shards:
    """Write every document to its split, or its parts to theirs."""
    shards = Shards(folder)
    for number, document in enumerate(documents, start=1):
        for split, part in DIVISIONS[validation_from](document, validation):
            shards.write(part, split)
        if number % _EVERY == 0 and progress.unit != "document":  # those read are counted while they are read
            progress.update(number, None, unit="document kept")
    shards.close()
    return shards
