"""Divide documents into the splits and write them as JSON lines that `load_dataset` opens."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from xxhash import xxh3_64_intdigest

from pipeline.core.artifact import file_digest
from pipeline.data.surprisal import SURPRISAL
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.profile import Profile

SPLITS = ("train", "validation")
_TYPES = {bool: "bool", int: "int64", float: "float64", str: "string", type(None): "null"}


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


@dataclass
class Shards:
    """The files of one task, `SPLIT-RANK.jsonl`, and what stands in them; those of all tasks when added up."""

    documents: Counter[str] = field(default_factory=Counter)
    """By split."""
    bytes: Counter[str] = field(default_factory=Counter)
    """Of text, by split."""
    generated: int = 0
    """Documents whose surprisal is known."""
    types: dict[str, set[str]] = field(default_factory=dict)
    """The types of each column's values, by the names that `load_dataset` has for them."""
    profile: Profile = field(default_factory=Profile)
    """Lengths, languages, text by source, examples."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`documents`, `bytes` of the file and `sha256`, by the file's name."""

    def count(self, document: Document, split: str) -> None:
        """Count one document of a split."""
        size = len(document.text.encode("utf-8"))
        self.documents[split] += 1
        self.bytes[split] += size
        self.generated += document.generated is not None
        self.profile.count(document, size, split)
        for name, value in document.row().items():
            self.types.setdefault(name, set()).add(_TYPES.get(type(value), "other"))

    def as_json(self) -> dict[str, Any]:
        """The counts, for a file."""
        types = {name: sorted(found) for name, found in self.types.items()}
        return vars(self) | {"types": types, "profile": self.profile.as_json()}

    def add(self, counts: dict[str, Any]) -> None:
        """Add the counts of a later task."""
        self.documents.update(counts["documents"])
        self.bytes.update(counts["bytes"])
        self.generated += counts["generated"]
        self.profile.add(counts["profile"])
        self.files |= counts["files"]
        for name, found in counts["types"].items():
            self.types.setdefault(name, set()).update(found)

    def metadata(self) -> dict[str, Any]:
        """What a `README.md` tells `load_dataset`: the files of each split and, where it can, the columns.

        Not every document has every column, and `load_dataset` guesses from the first rows. Only plain values can be
        declared; with others among them it is left to guess.
        """
        files = [{"split": split, "path": f"{split}-*.jsonl"} for split in SPLITS if self.documents[split]]
        types = {name: _column_type(found) for name, found in self.types.items()}
        features = [{"name": name, "dtype": kind} for name, kind in types.items()]
        declared = {"dataset_info": {"features": features}} if all(types.values()) else {}
        return {"configs": [{"config_name": "default", "data_files": files}], **declared}


def _column_type(found: set[str]) -> str | None:
    """The type that holds all of the values, if they are plain and of one kind."""
    kinds = found - {"null"}
    if kinds == {"int64", "float64"}:
        return "float64"
    if not kinds:
        return "string"
    return kinds.pop() if len(kinds) == 1 and "other" not in kinds else None


def write_splits(
    documents: Iterable[Document], folder: Path, rank: int, validation: float, validation_from: str
) -> Shards:
    """Write every document to the file of its split, or its parts to theirs."""
    shards = Shards()
    with ExitStack() as stack:
        files: dict[str, IO[bytes]] = {}
        for document in documents:
            for split, part in DIVISIONS[validation_from](document, validation):
                if split not in files:
                    files[split] = stack.enter_context(open(folder / f"{split}-{rank:05}.jsonl", "wb"))
                files[split].write(json.dumps(part.row(), ensure_ascii=False).encode("utf-8") + b"\n")
                shards.count(part, split)
    for split in files:
        path = folder / f"{split}-{rank:05}.jsonl"
        shards.files[path.name] = {
            "documents": shards.documents[split], "bytes": path.stat().st_size, "sha256": file_digest(path),
        }  # fmt: skip
    return shards
