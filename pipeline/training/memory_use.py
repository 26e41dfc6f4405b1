"""The most memory that this process has had since it was last asked to begin."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import torch

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def begin_peak_memory() -> None:
    """Count from here. Off Linux the processor's memory is counted since the process began."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    elif os.access(_RESET, os.W_OK):
        _RESET.write_text("5", encoding="ascii")  # "5" resets the high water mark (proc_pid_clear_refs(5))


def peak_memory() -> int:
    """Bytes: of tensors on the GPU where there is one, else of the whole process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if _STATUS.exists():
        lines = (line.split() for line in _STATUS.read_text(encoding="utf-8").splitlines())
        return next(int(line[1]) for line in lines if line[0] == "VmHWM:") * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
