"""A file's bytes, unpacked as its ending says; what a damaged file raises."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

DAMAGE = (EOFError, zlib.error, OSError)
"""What reading a damaged file raises, beside what the system says of the disk (an OSError with an `errno`)."""

_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open}
_TIMES: dict[str, float] = {".gz": 4.0}
"""How much larger text is when it is unpacked, about."""


def packing(name: str) -> str:
    """The ending of a packed file, which follows that of its kind; empty for a plain one."""
    return next((ending for ending in _OPENERS if name.lower().endswith(ending)), "")


def open_bytes(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked while they are read."""
    return _OPENERS.get(packing(path.name), open)(path, "rb")


def unpacked_bytes(path: Path) -> int:
    """How many bytes a file holds; an estimate for a packed one."""
    return round(path.stat().st_size * _TIMES.get(packing(path.name), 1.0))


def said_of(error: BaseException) -> str:
    """What went wrong with a file, and the way on."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read ({error.strerror}); check its permissions and the disk"
    return f"damaged ({error}); fetch it again"
