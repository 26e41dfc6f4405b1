"""A corpus' files cut into stretches, each of which becomes a part of the token store: the tasks of its building.

Where files are cut depends on their sizes alone, never on who encodes them or how many at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from pipeline.core.artifact import write_json
from pipeline.data.batches import batches
from pipeline.data.engine import whole_folder
from pipeline.models.encoding import Encoder
from pipeline.models.loading import load_tokenizer

STRETCH = 32 * 2**20
"""Bytes of a file that a task encodes."""
_MOST_DOCUMENTS, _MOST_CHARACTERS = 1000, 4_000_000
"""What is encoded at once."""
TOKENS, LENGTHS, SIZES, COUNTS = "tokens.bin", "lengths.npy", "sizes.npy", "counts.json"


class Stretch(NamedTuple):
    """The lines of a file that start from byte `start` to before byte `end`."""

    path: str
    start: int
    end: int


def stretches_of(shards: Iterable[Path]) -> list[Stretch]:
    """The shards in order, long ones in several stretches."""
    return [
        Stretch(str(shard), start, start + STRETCH)
        for shard in shards
        for start in range(0, shard.stat().st_size, STRETCH)
    ]


def texts_in(stretch: Stretch) -> Iterator[str]:
    """The texts of a stretch."""
    with open(stretch.path, "rb") as file:
        if stretch.start:
            file.seek(stretch.start - 1)
            file.readline()  # what belongs to the stretch before
        while file.tell() < stretch.end and (line := file.readline()):
            yield _row(line)["text"]


@dataclass(frozen=True)
class EncodeStretch:
    """Writes the tokens of a stretch, the lengths of its documents and the bytes of their texts."""

    tokenizer: str
    stretches: list[Stretch]
    folder: str

    def __call__(self, rank: int) -> None:
        """Encode stretch `rank`."""
        tokenizer = load_tokenizer(self.tokenizer)
        encoder, unknown_id = Encoder(tokenizer), tokenizer.unk_token_id
        lengths: list[int] = []
        sizes: list[int] = []
        unknown = 0
        with whole_folder(part_of(Path(self.folder), rank)) as folder:
            with open(folder / TOKENS, "wb") as file:
                for texts in batches(texts_in(self.stretches[rank]), len, _MOST_CHARACTERS, _MOST_DOCUMENTS):
                    sizes += (len(text.encode()) for text in texts)
                    for document in encoder.documents(texts):
                        file.write(document.tobytes())
                        lengths.append(len(document))
                        unknown += 0 if unknown_id is None else int(np.count_nonzero(document == unknown_id))
            np.save(folder / LENGTHS, np.array(lengths, dtype=np.int64))
            np.save(folder / SIZES, np.array(sizes, dtype=np.int64))
            write_json(folder / COUNTS, {"unknown": unknown, "dtype": encoder.dtype.name})


def part_of(folder: Path, rank: int) -> Path:
    """Where task `rank` leaves its part."""
    return folder / "parts" / f"{rank:05}"


def _row(line: bytes) -> dict[str, str]:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:  # a column with an integer of more than 64 bits
        return json.loads(line)
