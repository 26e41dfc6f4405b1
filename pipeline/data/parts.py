"""A source cut into parts: stretches that one task each reads, in reading order, in this process or another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.bad_rows import Item
from pipeline.data.builtin import CATALOGUE
from pipeline.data.files import ending, read_file, read_stretch, require_readable
from pipeline.data.folders import DEFAULT_SPLIT, files_of
from pipeline.data.hub_rows import read_hub
from pipeline.data.json_lines import cut_lines
from pipeline.data.streams import unpacked_bytes

LARGEST_PART = 64 * 2**20
"""Bytes of a part of a file that can be cut."""
_ROW_BYTES = 500
_ROWS = 20_000


@dataclass(frozen=True)
class WholeFile:
    """A file from its first row to its last."""

    path: Path
    bytes: int

    def items(self, limit: int | None) -> Iterator[Item]:
        """Its rows."""
        return read_file(self.path)


@dataclass(frozen=True)
class Lines:
    """A stretch of a plain .jsonl, from byte `start` to `stop`."""

    path: Path
    start: int
    stop: int
    first: int
    """Number of its first line in the file."""

    @property
    def bytes(self) -> int:
        """Bytes of input."""
        return self.stop - self.start

    def items(self, limit: int | None) -> Iterator[Item]:
        """Its rows."""
        return read_stretch(self.path, self.start, self.stop, self.first)


@dataclass(frozen=True)
class BuiltinSplit:
    """A split of a data set that ships with the package."""

    name: str
    split: str

    @property
    def bytes(self) -> int:
        """Bytes of input, about."""
        return CATALOGUE["data", self.name].rows.get(self.split, _ROWS) * _ROW_BYTES

    def items(self, limit: int | None) -> Iterator[Item]:
        """Its rows."""
        for number, row in enumerate(CATALOGUE["data", self.name].open(self.split), start=1):
            yield f"builtin:{self.name}[{self.split}]:row {number}", row


@dataclass(frozen=True)
class HubSplit:
    """A split of a data set on the Hub."""

    source: Resolved
    split: str
    bytes: int = _ROWS * _ROW_BYTES

    def items(self, limit: int | None) -> Iterator[Item]:
        """Its rows."""
        return read_hub(self.source, self.split, limit)


Piece = WholeFile | Lines | BuiltinSplit | HubSplit


@dataclass(frozen=True)
class Part:
    """What one task reads of a source. It can be pickled, and read in any process that sees the same files."""

    source: Resolved | Artifact
    pieces: tuple[Piece, ...]
    limit: int | None = None
    """Rows after which it stops, bad ones counted."""

    @property
    def bytes(self) -> int:
        """Bytes of input, by which tasks are balanced; an estimate where they are not known."""
        return sum(piece.bytes for piece in self.pieces)

    def items(self) -> Iterator[Item]:
        """Its rows as they stand in the source, before columns are renamed."""
        return islice(chain.from_iterable(piece.items(self.limit) for piece in self.pieces), self.limit)


def parts_of(
    source: Resolved | Artifact, limit: int | None = None, split: str | None = None, largest: int = LARGEST_PART
) -> list[Part]:
    """The parts of a source in reading order: read one after another, they are the source.

    A plain .jsonl is cut into parts of about `largest` bytes at line ends. With a limit there is a single part, which
    stops after so many rows.

    Raises:
        DataError: for a source that cannot be read at all: no such file, nothing readable in it, no such split.
    """
    pieces = pieces_of(source, split)
    if limit is not None:
        return [Part(source, tuple(pieces), limit)]
    return [Part(source, (smaller,)) for piece in pieces for smaller in _cut(piece, largest)]


def pieces_of(source: Resolved | Artifact, split: str | None = None) -> list[Piece]:
    """What is read of a source, uncut."""
    split = split if isinstance(source, Artifact) else split or source.split
    if isinstance(source, Resolved) and source.scheme == "builtin":
        return [_builtin(str(source.name), split)]
    if isinstance(source, Resolved) and source.scheme == "hf":
        return [HubSplit(source, split or DEFAULT_SPLIT)]
    assert source.path is not None
    files = files_of(source.path, split, source.address or str(source.path))
    for file in files:
        require_readable(file)
    return [WholeFile(file, unpacked_bytes(file)) for file in files]


def _builtin(name: str, split: str | None) -> BuiltinSplit:
    builtin = CATALOGUE["data", name]
    split = split or builtin.splits[0]
    if split not in builtin.splits:
        raise DataError(f"builtin:{name}: no split {split!r}; it has {', '.join(builtin.splits)}")
    return BuiltinSplit(name, split)


def _cut(piece: Piece, largest: int) -> Iterator[Piece]:
    """The piece itself, or stretches of it where its kind of file can be read from the middle."""
    if not (isinstance(piece, WholeFile) and ending(piece.path) == ".jsonl" and piece.bytes > largest):
        yield piece
        return
    with open(piece.path, "rb") as file:
        for start, stop, first in cut_lines(file, piece.bytes, largest):
            yield Lines(piece.path, start, stop, first)
