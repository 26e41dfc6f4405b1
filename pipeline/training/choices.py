"""What is measured or chosen at run time: precision, threads, micro-batch, attention. Bits depend on all of it.

Chosen once by rank 0, shared, written to `resume.json` in the stage's work folder, and used again when it resumes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import torch

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import Runtime, StageContext
from pipeline.training.memory import ModelShape, host_free_bytes, largest_micro_batch, step_bytes
from pipeline.training.precision import choose_precision
from pipeline.training.strategy import data_share, strategy
from pipeline.training.threads import choose_threads

FILE = "resume.json"
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
    strategy: str = "ddp"
    """How the processes divide the work (`training.strategy`)."""
    compiled: bool | None = None
    """Whether the model is compiled; None where a stage has not decided it (`training.compilation`) or does not."""
    inexact: str = ""
    """Why the bits are not those of a training that was never stopped; empty while they are."""

    @property
    def sentence(self) -> str:
        """For the log."""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}, " if self.threads else ""
        return f"computes in {self.precision}, {threads}micro-batches of {self.micro_batch}"

    @property
    def runtime(self) -> dict[str, str | int]:
        """For the manifest: how the stage computed, so that a later run's time can be foreseen from it."""
        names = ("device", "precision", "threads", "micro_batch", "attention", "strategy", "compiled")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def choose(
    context: StageContext, shape: ModelShape, global_batch_size: int, needed: Callable[..., int] = step_bytes
) -> Choices:
    """The choices of this stage: those of `resume.json`, or new ones, written there. Sets the number of threads.

    `needed` is the memory of a step, with the arguments of `step_bytes`, for stages that hold more than one model.

    Raises:
        StageError: if the global batch cannot be shared among the processes.
    """
    processes = context.processes
    per_process = share_of_batch(global_batch_size, data_share(processes)[1])
    chosen = None
    if processes.is_main:
        context.work.mkdir(parents=True, exist_ok=True)
        file = context.work / FILE
        before = Choices(**read_json(file)) if file.exists() else None
        chosen = _chosen(context.runtime, shape, per_process, _place(processes.world_size), needed, before)
        write_json(file, asdict(chosen))
        context.progress.note(chosen.sentence)
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


def _place(world_size: int) -> dict[str, Any]:
    """Where the stage runs: elsewhere, other choices would have been made."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"world_size": world_size, "device": device, "libraries": libraries, "strategy": strategy().name}


def _chosen(
    runtime: Runtime, shape: ModelShape, per_process: int, place: dict[str, Any], needed: Callable[..., int],
    before: Choices | None,
) -> Choices:  # fmt: skip
    """As `before`, where the stage goes on in the same place; else chosen now."""
    changed = [] if before is None else [name for name in place if place[name] != getattr(before, name)]
    if before is not None and not changed:
        return before
    reason = "; ".join(f"{name} was {getattr(before, name)}, now {place[name]}" for name in changed)
    length = shape.mean_length or shape.row_length
    threads = choose_threads(runtime, shape.sizes, per_process * length, place["world_size"])
    precision = choose_precision(runtime, threads, shape.sizes, per_process, length)
    needed = partial(needed, precision=precision, world_size=place["world_size"], strategy=place["strategy"])
    return Choices(
        precision=precision,
        threads=threads,
        micro_batch=choose_micro_batch(runtime, shape, per_process, free_now(), needed),
        attention=shape.attention,
        inexact=f"resumed where {reason}" if changed else "",
        **place,
    )


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
