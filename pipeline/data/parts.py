"""A source cut into parts: stretches that one task each reads, in reading order, in this process or another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from pipeline.core.artifact import Artifact
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.core.remote import RemoteFile
from pipeline.data.bad_rows import Item
from pipeline.data.builtin import CATALOGUE
from pipeline.data.files import ending, read_file, require_readable
from pipeline.data.folders import DEFAULT_SPLIT, files_of, path_in
from pipeline.data.hub_rows import hub_shards, read_hub
from pipeline.data.json_lines import cut_lines, read_stretch
from pipeline.data.parquet_rows import read_parquet, row_groups
from pipeline.data.streams import open_raw, packing, unpacked_bytes

LARGEST_PART = 64 * 2**20
"""Bytes of a part of a file that can be cut."""
_ROW_BYTES = 500
_ROWS = 20_000


@dataclass(frozen=True)
class WholeFile:
    """A file from its first row to its last."""

    path: Path | RemoteFile
    bytes: int
    inside: str
    """Its path in the folder that is read."""

    def items(self) -> Iterator[Item]:
        """Its rows."""
        return read_file(self.path, self.inside)


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

    def items(self) -> Iterator[Item]:
        """Its rows."""
        return read_file(self.path, reader=partial(read_stretch, start=self.start, stop=self.stop, first=self.first))


@dataclass(frozen=True)
class RowGroups:
    """Row groups of a Parquet file, `count` of them from group `start`."""

    path: Path | RemoteFile
    start: int
    count: int
    first: int
    """Number of their first row in the file."""
    bytes: int

    def items(self) -> Iterator[Item]:
        """Its rows."""
        return read_file(self.path, reader=partial(read_parquet, first=self.first, start=self.start, groups=self.count))


@dataclass(frozen=True)
class BuiltinSplit:
    """A split of a data set that ships with the package."""

    name: str
    split: str

    @property
    def bytes(self) -> int:
        """Bytes of input, about."""
        return CATALOGUE["data", self.name].rows.get(self.split, _ROWS) * _ROW_BYTES

    def items(self) -> Iterator[Item]:
        """Its rows."""
        for number, row in enumerate(CATALOGUE["data", self.name].open(self.split), start=1):
            yield f"builtin:{self.name}[{self.split}]:row {number}", row


@dataclass(frozen=True)
class HubShard:
    """A shard of a split of a data set on the Hub."""

    source: Resolved
    split: str
    shard: int
    shards: int
    """How many the split has."""
    bytes: int

    def items(self) -> Iterator[Item]:
        """Its rows."""
        return read_hub(self.source, self.split, self.shard, self.shards)


Piece = WholeFile | Lines | RowGroups | BuiltinSplit | HubShard


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
        return islice(chain.from_iterable(piece.items() for piece in self.pieces), self.limit)


def parts_of(
    source: Resolved | Artifact, limit: int | None = None, split: str | None = None, largest: int = LARGEST_PART
) -> list[Part]:
    """The parts of a source in reading order: read one after another, they are the source.

    A plain .jsonl is cut into parts of about `largest` bytes at line ends, a Parquet file between row groups.
    With a limit there is a single part, which stops after so many rows.

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
        return _shards(source, split or DEFAULT_SPLIT)
    files = files_of(source, split)
    for file in files:
        require_readable(file)
    return [WholeFile(file, unpacked_bytes(file), path_in(source, file)) for file in files]


def _shards(source: Resolved, split: str) -> list[Piece]:
    shards, size = hub_shards(source, split)
    return [HubShard(source, split, shard, shards, size or _ROWS * _ROW_BYTES) for shard in range(shards)]


def _builtin(name: str, split: str | None) -> BuiltinSplit:
    builtin = CATALOGUE["data", name]
    split = split or builtin.splits[0]
    if split not in builtin.splits:
        raise DataError(f"builtin:{name}: no split {split!r}; it has {', '.join(builtin.splits)}")
    return BuiltinSplit(name, split)


def _cut(piece: Piece, largest: int) -> Iterator[Piece]:
    """The piece itself, or stretches of it where its kind of file can be read from the middle."""
    if not isinstance(piece, WholeFile) or piece.bytes <= largest or ending(piece.path) not in _CUTS:
        return iter([piece])
    if packing(piece.path.name) or (isinstance(piece.path, RemoteFile) and ending(piece.path) == ".jsonl"):
        return iter([piece])  # lines cannot be counted there without reading all of it
    return _CUTS[str(ending(piece.path))](piece, largest)


def _cut_lines(piece: WholeFile, largest: int) -> Iterator[Piece]:
    assert isinstance(piece.path, Path)
    with open(piece.path, "rb") as file:
        for start, stop, first in cut_lines(file, piece.bytes, largest):
            yield Lines(piece.path, start, stop, first)


def _cut_groups(piece: WholeFile, largest: int) -> Iterator[Piece]:
    """Row groups together up to `largest` bytes, or one that is larger; a damaged file stays whole."""
    with open_raw(piece.path) as file:
        groups = row_groups(file)
    if not groups:
        yield piece
    first, start, rows, size = 1, 0, 0, 0
    for index, (group_rows, group_bytes) in enumerate(groups):
        if size and size + group_bytes > largest:
            yield RowGroups(piece.path, start, index - start, first, size)
            first, start, rows, size = first + rows, index, 0, 0
        rows, size = rows + group_rows, size + group_bytes
    if groups:
        yield RowGroups(piece.path, start, len(groups) - start, first, size)


_CUTS: dict[str, Callable[[WholeFile, int], Iterator[Piece]]] = {".jsonl": _cut_lines, ".parquet": _cut_groups}
