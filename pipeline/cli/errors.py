"""A user's mistake, or the disk's, as one clear message and an exit code; never a traceback."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from pipeline import PipelineError
from pipeline.core.text import say

_DISK_FAULTS = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOTDIR,
    errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.EFBIG,
)  # fmt: skip
"""What the system says of a disk or of a path that a user gave; anything else is a mistake of the program."""
_FULL = ("No space left on device", "Disk quota exceeded", "os error 28", "os error 122")
"""What libraries written in Rust or C++ say of a full disk, in errors of their own types."""

_GRACE = 20.0
"""Seconds in which rank 0 says what went wrong everywhere. The launcher then ends the others; it ends all of them as
soon as one has failed. Who lives longer has failed alone, and says it itself."""


def speaks() -> bool:
    """Whether this process prints: rank 0 of a launch alone does."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def user_errors() -> Iterator[None]:
    """Print a user's mistake, or the disk's, as one clear message and leave with its exit code."""
    try:
        yield
    except PipelineError as error:
        if not speaks():
            time.sleep(_GRACE)
        for line in str(error).splitlines():
            say(line)
        sys.stdout.flush()
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    except Exception as error:
        said = disk_fault(error) or memory_fault(error)
        if said is None:
            raise
        say(f"{said}; what was sealed is valid, and the same command goes on")
        raise typer.Exit(3) from None


def memory_fault(error: Exception) -> str | None:
    """What did not fit in memory, if that is what an error says; None for any other error."""
    words = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "can't allocate memory" in words or "out of memory" in words:
        return f"the memory is too small ({words:.160}): lower runtime.micro_batch, or the sizes in `gristmill plan`"
    return None


def disk_fault(error: Exception) -> str | None:
    """What the disk did not do, if that is what an error says; None for any other error."""
    if isinstance(error, OSError) and error.errno in _DISK_FAULTS:
        return f"{error.filename or 'the disk'}: {error.strerror}"
    if any(words in str(error) for words in _FULL):
        return f"the disk: {' '.join(str(error).split())}"
    return None
