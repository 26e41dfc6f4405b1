"""The most that this machine computes: a product of two large matrices, which training is held against (MFU)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.core.stage import Processes
from pipeline.training.measured import kept

if TYPE_CHECKING:
    from pipeline.training.choices import Choices

_SECONDS = 0.5
_SMALLEST, _LARGEST = 256, 16384
_LONG = 0.01
"""Seconds of a product that is large enough to tell the peak."""


def peak_flops(precision: str, threads: int) -> float:
    """FLOP/s of one process's device in this precision; on a CPU, with so many threads. Measured once a machine."""
    where = "" if torch.cuda.is_available() else f", {threads} threads"
    return kept(f"{precision} peak FLOP/s{where}", lambda: measured_flops(precision, threads))


def peak_of_launch(choices: Choices, processes: Processes) -> float:
    """FLOP/s of the devices of all processes, which are taken to be alike."""
    own = peak_flops(choices.precision, choices.threads) if processes.is_main else None
    return processes.broadcast(own) * processes.world_size


def measured_flops(precision: str, threads: int) -> float:
    """FLOP/s of the fastest of half a second of products; a multiplication with its addition counts as two."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    size = _SMALLEST
    while _seconds(size, precision, times=2) < _LONG and size < _LARGEST:
        size *= 2
    fastest = _seconds(size, precision)
    torch.set_num_threads(before)
    return 2 * size**3 / fastest


def _seconds(size: int, precision: str, times: int | None = None) -> float:
    """The shortest of `times` products of two square matrices; without, of as many as fill half a second."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    matrix = torch.ones(size, size, dtype=torch.bfloat16 if precision == "bf16" else torch.float32, device=device)
    # On a processor the time that this thread computes: others who want the core make the machine busy, not slow.
    clock = time.perf_counter if matrix.is_cuda else time.thread_time
    _multiplied(matrix)  # kernels are chosen and memory is taken
    taken: list[float] = []
    while len(taken) < times if times else sum(taken) < _SECONDS:
        started = clock()
        _multiplied(matrix)
        taken.append(clock() - started)
    return min(taken)


def _multiplied(matrix: Tensor) -> None:
    torch.mm(matrix, matrix)
    if matrix.is_cuda:
        torch.cuda.synchronize()
