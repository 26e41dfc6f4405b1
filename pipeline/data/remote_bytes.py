"""The bytes of a file at a URL, a block at a time: each is asked for again when it fails, and memory stays flat."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, Protocol

from pipeline.core import patience
from pipeline.core.errors import StageError
from pipeline.core.patience import http_mark, request
from pipeline.core.remote import RemoteFile, is_http

_BLOCK = 2**20


class _Blocks(Protocol):
    def fetch(self, start: int, size: int) -> bytes:
        """At most `size` bytes from byte `start`; none at the end."""
        ...


class _Store:
    """An object of a store, through fsspec."""

    def __init__(self, file: RemoteFile) -> None:
        from fsspec.core import url_to_fs

        self._store, self._path = url_to_fs(file.url)

    def fetch(self, start: int, size: int) -> bytes:
        return self._store.cat_file(self._path, start=start, end=start + size)


class _Http:
    """A file of an HTTP server: one answer is read on, and asked for anew from where it broke off."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._answer: Any = None
        self._at = 0

    def fetch(self, start: int, size: int) -> bytes:
        answer, self._answer = self._answer, None  # kept again below, unless this fails
        if answer is None or self._at != start:
            answer = self._ask(start)
        block = answer.read(size)
        if not block and self._file.size and start < self._file.size:
            raise ConnectionError(f"it broke off after {start:,} of {self._file.size:,} bytes")
        self._answer, self._at = answer, start + len(block)
        return block

    def _ask(self, start: int) -> Any:
        answer = request(self._file.url, "GET", **({"Range": f"bytes={start}-"} if start else {}))
        if http_mark(answer.headers) != self._file.mark:
            raise StageError(f"{self._file.url}: has changed while it was read; run again")
        if answer.status == 200:  # a server that gives no ranges
            while start > 0 and (passed := answer.read(min(start, _BLOCK))):
                start -= len(passed)
        return answer


class _Bytes(io.RawIOBase):
    """Blocks as a file that can be read from anywhere."""

    def __init__(self, blocks: _Blocks, file: RemoteFile) -> None:
        self._blocks, self._file = blocks, file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        start, size = self._at, len(buffer)
        if self._file.size:
            size = min(size, self._file.size - start)
        if size <= 0:
            return 0
        block = patience.PATIENCE.of(lambda: self._blocks.fetch(start, size), self._file.url)
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)


def open_remote(file: RemoteFile) -> BinaryIO:
    """The bytes of a file at a URL.

    Raises:
        StageError: from reading, when the server does not answer in time and in several attempts.
    """
    return io.BufferedReader(_Bytes(_Http(file) if is_http(file.url) else _Store(file), file), _BLOCK)
