"""Processor, GPU, memory, disk, and what the Hub needs."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.quantities import format_bytes
from pipeline.doctor.finding import Finding

_SCANT = 2 * 10**9
"""Bytes of memory or disk below which even the tiny recipe comes close to the edge."""


def device() -> Iterator[Finding]:
    """What models will run on."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.submodule_search_locations is None:
        return  # missing, or hidden by a torch.py: said already
    import torch

    if not torch.cuda.is_available():
        built = f"; this torch is built for CUDA {torch.version.cuda}" if torch.version.cuda else ""
        yield Finding("device", "ok", f"CPU, no GPU that torch {torch.__version__} can use{built}")
        return
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    found = ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))
    yield Finding("device", "ok", f"{found}; trains in {precision}")


def threads() -> Iterator[Finding]:
    """Cores that this process may use, and what OMP_NUM_THREADS says."""
    cores = len(os.sched_getaffinity(0))
    asked = os.environ.get("OMP_NUM_THREADS", "")
    found = f"{cores} core{'s' * (cores != 1)}, OMP_NUM_THREADS {asked or 'not set'}"
    if asked.isdigit() and int(asked) > cores:
        yield Finding("threads", "warn", found, "more threads than cores wait for each other: lower it")
    else:
        yield Finding("threads", "ok", f"{found}; `runtime: {{threads: auto}}` chooses by a probe")


def memory() -> Iterator[Finding]:
    """Memory that is free, as the kernel and the control group count it."""
    free = _free_memory()
    low = free < _SCANT
    way = "close what else runs; smaller models need less (`gristmill plan` says how much)" if low else ""
    yield Finding("memory", "warn" if low else "ok", f"{format_bytes(free)} free", way)


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    group = Path("/sys/fs/cgroup")
    limit = (group / "memory.max").read_text().strip() if (group / "memory.max").exists() else "max"
    if limit == "max":
        return free
    return min(free, int(limit) - int((group / "memory.current").read_text()))


def disk() -> Iterator[Finding]:
    """Room for runs in this folder, and the right to write."""
    here = Path.cwd()
    free = shutil.disk_usage(here).free
    found = f"{format_bytes(free)} free in this folder"
    if not os.access(here, os.W_OK):
        yield Finding("disk", "fail", f"{here} cannot be written to", "work elsewhere, or name a place by `--runs`")
    elif free < _SCANT:
        yield Finding("disk", "warn", found, "free some, or name another place by `--runs`")
    else:
        yield Finding("disk", "ok", found)


def hub() -> Iterator[Finding]:
    """What reading from and writing to the Hub needs. A token is never shown."""
    from huggingface_hub import constants, get_token

    network = "offline by HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else "online"
    token = "a token is there" if get_token() else "no token, so nothing private and no push (`hf auth login`)"
    cache = Path(constants.HF_HUB_CACHE)
    nearest = next(path for path in (cache, *cache.parents) if path.exists())
    writable = os.access(nearest, os.W_OK)
    found = f"{network}; {token}; cache in {cache}"
    way = "" if writable else "the cache cannot be written to: set HF_HOME to a folder of yours"
    yield Finding("hub", "ok" if writable else "warn", found, way)
