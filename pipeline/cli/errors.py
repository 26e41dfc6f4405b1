"""A user's mistake, or the disk's, as one clear message and an exit code; never a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from pipeline import PipelineError

_DISK_FAULTS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT)


def speaks() -> bool:
    """Whether this process prints: rank 0 of a launch alone does."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def user_errors() -> Iterator[None]:
    """Print a user's mistake, or the disk's, as one clear message and leave with its exit code."""
    try:
        yield
    except PipelineError as error:
        if speaks():
            print(error, file=sys.stderr)
        sys.stdout.flush()
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        print(
            f"{error.filename or 'the disk'}: {error.strerror}; what was sealed is valid, the same command goes on",
            file=sys.stderr,
        )
        raise typer.Exit(3) from None
