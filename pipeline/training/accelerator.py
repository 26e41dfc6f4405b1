"""The accelerator of the loops that are our own."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch

from pipeline.training.choices import Choices

if TYPE_CHECKING:
    from accelerate import Accelerator


def make_accelerator(choices: Choices) -> Accelerator:
    """An accelerator that accumulates nothing by itself, over the processes of this launch."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs

    AcceleratorState._reset_state(False)  # what trained before in this process may have fixed another precision

    # torch renames the option; accelerate still passes it by its old name.
    warnings.filterwarnings("ignore", message=".*broadcast_buffers.*", category=FutureWarning)
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        mixed_precision="bf16" if choices.precision == "bf16" else "no",
        gradient_accumulation_steps=1,
        # Buffers never change, and copying them would need as many micro-batches on every process.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )
    assert accelerator.num_processes == choices.world_size, accelerator.state
    return accelerator
