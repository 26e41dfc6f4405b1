"""What is measured or chosen at run time: precision, threads, micro-batch, attention. Bits depend on all of it.

Chosen once by rank 0, shared, written to `resume.json` in the stage's work folder, and used again when it resumes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version

import torch

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import Runtime, StageContext
from pipeline.training.memory import ModelShape, cpu_has_bf16, host_free_bytes, largest_micro_batch, step_bytes

FILE = "resume.json"
_SMALL = 10_000_000
"""Parameters below which a second thread costs more in waiting than it brings."""
_LIBRARIES = ("torch", "transformers", "trl", "accelerate")


@dataclass(frozen=True)
class Choices:
    """How one stage computes."""

    precision: str
    """fp32 or bf16."""
    threads: int
    """CPU threads of each process; 0 leaves torch's own number (on a GPU)."""
    micro_batch: int
    """Sequences per forward pass and process."""
    attention: str
    """The attention implementation, by transformers' name."""
    world_size: int
    device: str
    libraries: dict[str, str]
    inexact: str = ""
    """Why the bits are not those of a training that was never stopped; empty while they are."""

    @property
    def runtime(self) -> dict[str, str | int]:
        """For the manifest: how the stage computed, so that a later run's time can be foreseen from it."""
        return {name: getattr(self, name) for name in ("device", "precision", "threads", "micro_batch", "attention")}


def choose(
    context: StageContext, shape: ModelShape, global_batch_size: int, needed: Callable[..., int] = step_bytes
) -> Choices:
    """The choices of this stage: those of `resume.json`, or new ones, written there. Sets the number of threads.

    `needed` is the memory of a step, with the arguments of `step_bytes`, for stages that hold more than one model.

    Raises:
        StageError: if the global batch cannot be shared among the processes.
    """
    processes = context.processes
    per_process = share_of_batch(global_batch_size, processes.world_size)
    chosen = None
    if processes.is_main:
        context.work.mkdir(parents=True, exist_ok=True)
        file = context.work / FILE
        now = _choose(context.runtime, shape, per_process, processes.world_size, needed)
        chosen = _again(now, Choices(**read_json(file))) if file.exists() else now
        write_json(file, asdict(chosen))
    chosen = processes.broadcast(chosen)
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    return chosen


def share_of_batch(global_batch_size: int, world_size: int) -> int:
    """Sequences of one global batch for each process.

    Raises:
        StageError: if they do not come out even, with the values that would.
    """
    if global_batch_size % world_size:
        below = global_batch_size // world_size * world_size
        values = f"{below} or {below + world_size}" if below else f"{world_size}"
        raise StageError(f"global_batch_size {global_batch_size} cannot be shared by {world_size} processes; "
                         f"{values} would do")  # fmt: skip
    return global_batch_size // world_size


def _again(now: Choices, before: Choices) -> Choices:
    """What a resumed stage uses: as before, unless the machine is another one."""
    changed = [name for name in ("world_size", "device", "libraries") if getattr(now, name) != getattr(before, name)]
    if not changed:
        return before
    reason = "; ".join(f"{name} was {getattr(before, name)}, now {getattr(now, name)}" for name in changed)
    return replace(now, inexact=f"resumed where {reason}")


def _choose(
    runtime: Runtime, shape: ModelShape, per_process: int, world_size: int, needed: Callable[..., int]
) -> Choices:
    precision = choose_precision(runtime)
    needed = partial(needed, precision=precision, world_size=world_size)
    return Choices(
        precision=precision,
        threads=choose_threads(runtime, shape.parameters, world_size),
        micro_batch=choose_micro_batch(runtime, shape, per_process, free_now(), needed),
        attention=shape.attention,
        world_size=world_size,
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        libraries={name: version(name) for name in _LIBRARIES},
    )


def choose_precision(runtime: Runtime) -> str:
    """bf16 where the device has units for it: without them it is slower than fp32 (measured: 1.8 times on CPU)."""
    if runtime.precision != "auto":
        return runtime.precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_has_bf16() else "fp32"


def choose_threads(runtime: Runtime, parameters: int, world_size: int) -> int:
    """Threads of each process: one for a small model, more where a probe shows that they help."""
    if runtime.threads != "auto":
        return runtime.threads
    if torch.cuda.is_available():
        return 0
    most = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", world_size))
    if parameters < _SMALL or most < 2:
        return 1
    before = torch.get_num_threads()
    one, many = _seconds_with(1), _seconds_with(most)
    torch.set_num_threads(before)
    return most if many < 0.75 * one else 1


def _seconds_with(threads: int) -> float:
    """The best of several timings of a product of two matrices of a training step's size."""
    torch.set_num_threads(threads)
    left, right = torch.ones(1024, 512), torch.ones(512, 2048)
    timings = []
    for _ in range(8):
        started = time.perf_counter()
        torch.mm(left, right)
        timings.append(time.perf_counter() - started)
    return min(timings)


def free_now() -> int:
    """Memory that is free on the device of this process."""
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else host_free_bytes()


def choose_micro_batch(
    runtime: Runtime, shape: ModelShape, per_process: int, free: int, needed: Callable[..., int] = step_bytes
) -> int:
    """Sequences per forward pass: a divisor of the process's share, the recipe's number or the largest that fits.

    Raises:
        StageError: if the recipe's number does not divide the share.
    """
    if runtime.micro_batch == "auto":
        return largest_micro_batch(per_process, free, lambda size: needed(shape, size, accumulates=size < per_process))
    if per_process % runtime.micro_batch:
        raise StageError(f"runtime.micro_batch {runtime.micro_batch} does not divide the {per_process} sequences "
                         "of a global batch that each process takes")  # fmt: skip
    return runtime.micro_batch
