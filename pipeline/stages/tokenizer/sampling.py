"""Choose texts by their hash: which ones does not depend on their order, nor on the other texts' number."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from xxhash import xxh3_64_intdigest

HELD_OUT_SHARE = 0.02
HELD_OUT_BYTES = 300_000
PIECE_CHARACTERS = 1_000_000


Kind = TypeVar("Kind", bound=str)


@dataclass(frozen=True)
class Sample(Generic[Kind]):
    """Texts to learn from, and others to measure on."""

    training: list[Kind]
    held_out: list[Kind]
    """Texts that are not in `training`; empty when there are too few of them."""
    bytes_read: int
    """Size of all the texts from which these were chosen."""

    @property
    def size(self) -> int:
        """Bytes of the chosen texts."""
        return sum(len(text.encode("utf-8")) for text in (*self.training, *self.held_out))


def sample_texts(texts: Iterable[Kind], size: int) -> Sample[Kind]:
    """At most `size` bytes to learn from and `HELD_OUT_BYTES` to measure on: the texts of the lowest hashes.

    A fiftieth of the hashes is set aside for measuring, unless nothing is left then: of a single text, for instance.
    Memory holds the sample, never all the texts.
    """
    training: _Lowest[Kind] = _Lowest(size)
    held_out: _Lowest[Kind] = _Lowest(HELD_OUT_BYTES)
    bytes_read = 0
    for text in texts:
        encoded = text.encode("utf-8")
        bytes_read += len(encoded)
        key = xxh3_64_intdigest(encoded)
        # The lowest digits set texts aside, all digits order them: the two choices do not depend on each other.
        aside = key % 10_000 < HELD_OUT_SHARE * 10_000
        (held_out if aside else training).offer(key, text, len(encoded))
    if not training.texts():
        return Sample(held_out.texts(), [], bytes_read)
    return Sample(training.texts(), held_out.texts(), bytes_read)


def pieces(text: str) -> Iterator[str]:
    """A text in parts of at most a million characters, cut after a line where there is one.

    The tokenizer's memory is a hundred times a single text's size.
    """
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = text.rfind("\n", start, start + PIECE_CHARACTERS) + 1 or start + PIECE_CHARACTERS
        yield text[start:end]
        start = end
    yield text[start:]


class _Lowest(Generic[Kind]):
    """The texts of the lowest keys, up to a size in bytes; at least one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._total = 0
        self._heap: list[tuple[int, Kind, int]] = []
        self._limit = 2**64
        """The lowest key that was let go: one above it has no place, though there may be room again."""

    def offer(self, key: int, text: Kind, size: int) -> None:
        """Take the text in, and let those of the highest keys go that no longer fit."""
        if key >= self._limit:
            return
        heapq.heappush(self._heap, (-key, text, size))
        self._total += size
        while self._total > self._size and len(self._heap) > 1:
            key, _, gone = heapq.heappop(self._heap)
            self._total, self._limit = self._total - gone, -key

    def texts(self) -> list[Kind]:
        """The texts by ascending key."""
        return [text for _, text, _ in sorted(self._heap, key=lambda entry: (-entry[0], entry[1]))]
