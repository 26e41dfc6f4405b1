"""A file's bytes, unpacked as its ending says; what a damaged file raises."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.core.remote import RemoteFile

DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError)
"""What reading a damaged file raises, beside what the system says of the disk (an OSError with an `errno`)."""
_BUFFER = 2**18


def _open_zst(file: BinaryIO) -> Any:
    """By pyarrow: zstandard's own stream takes a file that is cut short for one that ends."""
    import pyarrow

    return pyarrow.CompressedInputStream(file, "zstd")


_UNPACKERS: dict[str, Callable[[Any], Any]] = {
    ".gz": gzip.open,
    ".zst": _open_zst,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}
PACKINGS = tuple(_UNPACKERS)
_TIMES = {".gz": 4.0, ".zst": 4.0, ".bz2": 5.0, ".xz": 5.0}
"""How much larger text is when it is unpacked, about."""
_NAMES = {".gz": "gzip ", ".zst": "zstd ", ".bz2": "bzip2 ", ".xz": "xz "}


def packing(name: str) -> str:
    """The ending of a packed file, which follows that of its kind; empty for a plain one."""
    return next((ending for ending in _UNPACKERS if name.lower().endswith(ending)), "")


def open_raw(path: Path | RemoteFile) -> BinaryIO:
    """The bytes of a file as they lie there."""
    if isinstance(path, Path):
        return open(path, "rb")
    from pipeline.data.remote_bytes import open_remote

    return open_remote(path)


def open_bytes(path: Path | RemoteFile) -> BinaryIO:
    """The bytes of a file, unpacked while they are read."""
    packed = packing(path.name)
    file = open_raw(path)  # closed with what is returned, or when that is forgotten
    return io.BufferedReader(_UNPACKERS[packed](file), _BUFFER) if packed else file


def unpacked_bytes(path: Path | RemoteFile) -> int:
    """How many bytes a file holds; an estimate for a packed one."""
    size = path.size if isinstance(path, RemoteFile) else path.stat().st_size
    return round(size * _TIMES.get(packing(path.name), 1.0))


def damage(error: BaseException, name: str) -> str:
    """What went wrong with the file `name`, and the way on."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror}); check its permissions and the disk"
    return f"damaged {_NAMES.get(packing(name), '')}file ({error}); fetch it again"
