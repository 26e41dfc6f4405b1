"""The process group of a launch, and what is reset between the trainers that share it.

One group serves the whole run. Words between stages go over a gloo group of their own, whose waits may last for days,
so that no process sits in an NCCL collective while another plans, hashes or checks.
"""

from __future__ import annotations

import atexit
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

from pipeline.core.errors import RunError
from pipeline.training.strategy import strategy

_PATIENCE = timedelta(days=30)


def computes_on_cpu() -> bool:
    """What accelerate is told. With it, on a CPU, it would take FSDP and DeepSpeed for data parallelism, in silence."""
    return not torch.cuda.is_available() and not strategy().shards


def forget_accelerator() -> None:
    """Let the next accelerator of this process choose its own precision and plugins; the process group stays.

    Accelerate notes FSDP in the state of the process, and would then leave the next accelerator without its plugin.
    """
    AcceleratorState._reset_state(False)
    if PartialState._shared_state.get("distributed_type") == DistributedType.FSDP:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


class LaunchedProcesses:
    """The processes started by `accelerate launch` or `torchrun`."""

    def __init__(self, state: PartialState) -> None:
        """Keep the state and open the group for words."""
        self.rank = state.process_index
        self.world_size = state.num_processes
        self._words: Any = dist.new_group(backend="gloo", timeout=_PATIENCE)

    @classmethod
    def join(cls) -> LaunchedProcesses:
        """Join the launch that the environment describes.

        Raises:
            RunError: when the processes do not come together, or when the libraries fell back to a world of one
                process, which they do in silence.
        """
        asked, way = int(os.environ["WORLD_SIZE"]), strategy().name
        try:
            state = PartialState(cpu=computes_on_cpu(), timeout=_PATIENCE)
        except (ValueError, RuntimeError) as error:  # ValueError: the environment; RuntimeError: the network
            meeting = f"{os.environ.get('MASTER_ADDR', 'MASTER_ADDR unset')}:{os.environ.get('MASTER_PORT', '?')}"
            reason = " ".join(str(error).split())
            raise RunError(
                f"WORLD_SIZE={asked}: the processes cannot meet at {meeting} ({reason:.160}); if the port is taken, "
                "give `accelerate launch` another by --main_process_port"
            ) from error
        if state.num_processes != asked and way != "ddp":
            raise RunError(f"the launch asks for {way} and there is no GPU: accelerate has no such strategy on CPUs; "
                           "use recipes/accelerate/cpu2.yaml")  # fmt: skip
        if state.num_processes != asked:
            raise RunError(
                f"the launch asked for {asked} processes, but accelerate made a world of {state.num_processes}; "
                "on CPU use recipes/accelerate/cpu2.yaml (distributed_type: MULTI_GPU with use_cpu: true)"
            )
        processes = cls(state)
        atexit.register(processes.leave)
        return processes

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def broadcast(self, value: Any) -> Any:
        """Rank 0's `value`, on every rank."""
        box = [value]
        dist.broadcast_object_list(box, src=0, group=self._words)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """Every rank's `value`, in rank order, on every rank."""
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value, group=self._words)
        return values

    def barrier(self) -> None:
        """Wait until every rank is here."""
        dist.barrier(group=self._words)

    def reset(self) -> None:
        """Let the next trainer choose its own precision and plugins; the process group stays."""
        self.barrier()
        forget_accelerator()

    def leave(self) -> None:
        """Close the groups while Python is still whole.

        Left to the interpreter's end, gloo's threads outlive what they wait on and abort the process
        ("terminate called without an active exception"; one exit in five was seen to, pytorch #190489).
        """
        self._words = None
        if dist.is_initialized():
            dist.destroy_process_group()
