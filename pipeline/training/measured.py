"""What is measured of this machine once and kept: in the user's cache folder, so that every later run goes by it.

Two runs of one recipe on one machine then compute alike, whatever else the machine was doing when they began. Removing
the file has everything measured anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pipeline.core.artifact import read_json, write_json


def cache_file() -> Path:
    """Where measurements are kept: `gristmill/machine.json` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gristmill" / "machine.json"


def kept(name: str, measure: Callable[[], Any]) -> Any:
    """What `measure` found under this name on this kind of machine: now, or when it was first asked.

    Where the cache folder cannot be written to, it is found out each time.
    """
    file, key = cache_file(), f"{device_name()}, torch {torch.__version__}: {name}"
    known = dict(read_json(file)) if file.exists() else {}
    if key not in known:
        known[key] = measure()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_json(file, known)
        except OSError:
            return known[key]
    return known[key]


def device_name() -> str:
    """The GPU's name, or the processor's with the number of cores that this process may use."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo")
    names = lines.read_text(encoding="utf-8").splitlines() if lines.exists() else []
    model = next((line.split(":")[1].strip() for line in names if line.startswith("model name")), "processor")
    return f"{model}, {len(os.sched_getaffinity(0))} cores"
