"""How much memory and disk a training takes, by closed formula, and the micro-batch that fits. Imports no torch.

A stage chooses its micro-batch by these formulas and a plan shows them, so that the two cannot disagree. Counted are
the tensors of one process; the interpreter and its libraries take about half a gigabyte beside them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.estimates import Machine
from pipeline.models.sizes import DecoderSizes, Pass, loss_bytes, saved_bytes, sizes_of
from pipeline.training.strategy import Name

if TYPE_CHECKING:
    from transformers import PreTrainedModel

KEPT = 3
"""Folders of checkpoints kept while training: two are complete even while the third is being written."""
_BUCKET = 2_000_000_000
"""Bytes of gradients that DeepSpeed sends at once at most."""
_SHARE = 0.5
"""Of the free memory that a step may fill; the rest is left to others."""


@dataclass(frozen=True)
class ModelShape:
    """What of a model, its rows and its company decides memory."""

    sizes: DecoderSizes
    parameters: int
    row_length: int
    """Tokens of the longest row, padding counted."""
    mean_length: int | None = None
    """Tokens of a row on average; those of the longest when left out."""
    attention: str = "sdpa"
    mask_columns: int = 0
    """Keys in each token's row of an attention mask, for a micro-batch of one row; 0 without a mask."""
    logits_per_row: int | None = None
    """Positions of a row whose logits are computed; all when left out."""
    beside: int = 0
    """Bytes of other models that lie on the device at the same time."""
    rows_see_each_other: bool = False
    """Whether a mask spans all rows of a micro-batch, laid end to end, rather than one row."""
    trained: int | None = None
    """Parameters that training changes, where an adapter is trained beside frozen weights; None for all."""

    @property
    def learning(self) -> int:
        """Parameters with gradients and moments."""
        return self.parameters if self.trained is None else self.trained


def shape_of(model: PreTrainedModel, row_length: int, **others: int | bool) -> ModelShape:
    """The shape of `model` trained on rows of up to `row_length` tokens."""
    config = model.config.get_text_config()
    labels = model.config.num_labels or 1
    is_classifier = type(model).__name__.endswith("ForSequenceClassification")
    count = sum(parameter.numel() for parameter in model.parameters())
    frozen = sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad)
    return ModelShape(
        sizes=sizes_of(config.to_dict(), labels=labels if is_classifier else 0),
        parameters=count,
        row_length=row_length,
        trained=count - frozen if frozen else None,
        attention=model.config._attn_implementation or "eager",
        **others,  # pyright: ignore[reportArgumentType]
    )


def pass_of(shape: ModelShape, micro_batch: int, precision: str) -> Pass:
    """One forward pass over `micro_batch` rows of the longest length."""
    columns = shape.mask_columns * (micro_batch if shape.rows_see_each_other else 1)
    logits = None if shape.logits_per_row is None else micro_batch * shape.logits_per_row
    return Pass(micro_batch, shape.row_length, logits, columns, precision, shape.attention)


def step_bytes(shape: ModelShape, micro_batch: int, *, precision: str = "fp32", accumulates: bool = False,
               world_size: int = 1, strategy: Name = "ddp") -> int:  # fmt: skip
    """Memory of a training step at its highest: the later of the two peaks.

    Weights and AdamW's two moments are fp32 throughout; frozen weights have neither moments nor gradients, but what
    passes through them is kept as if they had. The first peak is at the start of the backward pass, when all
    activations live and no gradient of this pass does (those of earlier micro-batches do, when it `accumulates`). The
    second is at its end, when all gradients live, and of a tied embedding the two parts that its own is the sum of.
    Where `strategy` shards, a process holds its share.
    """
    sizes, forward = shape.sizes, pass_of(shape, micro_batch, precision)
    state, gradients = shared_bytes(shape, strategy, world_size)
    state += shape.beside
    if precision == "bf16":
        state += 2 * sizes.matrices  # autocast's copies of the weights
    head = 4 * sizes.head_matrix
    loss = loss_bytes(sizes, forward)
    start = saved_bytes(sizes, forward) + max(loss, loss // 3 + head) + (gradients if accumulates else 0)
    tied = sizes.tie_word_embeddings and not sizes.labels and shape.trained is None
    end = gradients + (2 * head if tied else 0)
    return state + max(start, end)


def shared_bytes(shape: ModelShape, strategy: Name, world_size: int) -> tuple[int, int]:
    """Of weights, moments and the buffers that go with a strategy, and of gradients: what a process keeps."""
    weights, moments, gradients = 4 * shape.parameters, 8 * shape.learning, 4 * shape.learning
    if strategy == "ddp" or world_size == 1:
        return weights + moments + (gradients if world_size > 1 else 0), gradients  # one more for DDP's buckets
    if strategy == "zero2":
        return weights + moments // world_size + min(gradients, _BUCKET), gradients // world_size
    layer, head = shape.sizes.layer_matrices, shape.sizes.head_matrix
    # Whole for the moment: a layer with the next that is fetched ahead, its gradient; embeddings and theirs.
    gathered = 0 if strategy == "tp" else 12 * layer + 8 * head
    return (weights + moments) // world_size + gathered, gradients // world_size


def machine() -> Machine:
    """The first GPU by NVIDIA's own command, else the processor: what a plan goes by, without torch."""
    world_size = int(os.environ.get("WORLD_SIZE", 1))
    for name, free in _gpus():
        return Machine(name, free, world_size)
    return Machine("cpu", host_free_bytes(), world_size)


def _gpus() -> list[tuple[str, int]]:
    """The name and the free memory of each GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.free", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    lines = (line.rsplit(", ", 1) for line in answer.stdout.splitlines() if answer.returncode == 0)
    return [(name, int(free) * 2**20) for name, free in lines]


def host_free_bytes() -> int:
    """Memory that the machine can give each of its processes without swapping."""
    share = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = (line.split() for line in meminfo.read_text(encoding="ascii").splitlines())
        return next(int(line[1]) for line in lines if line[0] == "MemAvailable:") * 1024 // share
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2 // share  # macOS does not say how much is free


@cache
def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 faster than fp32."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "amx_bf16" in flags.read_text(encoding="utf-8")


def foreseen_precision(asked: str, device: str) -> str:
    """The arithmetic that a stage would choose on `device`, as far as can be seen without torch."""
    if asked != "auto":
        return asked
    return "bf16" if device != "cpu" or cpu_has_bf16() else "fp32"


def largest_micro_batch(per_process: int, free: int, needed: Callable[[int], int]) -> int:
    """The largest divisor of `per_process` sequences of which a step needs at most its share of `free` bytes; else 1.

    A divisor rather than a power of two: 48 short rows in one pass cost less than three passes of 16.
    """
    for size in range(per_process, 1, -1):
        if per_process % size == 0 and needed(size) <= free * _SHARE:
            return size
    return 1


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory is full: a GPU's allocator has a class for it, the processor's has not."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "can't allocate memory" in str(error)


def checkpoint_bytes(parameters: int) -> int:
    """Disk of one checkpoint: weights and AdamW's two moments, fp32."""
    return 12 * parameters
