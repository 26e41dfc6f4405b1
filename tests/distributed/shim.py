"""Accelerate's FSDP2, DeepSpeed and tensor parallelism on CPU processes that talk by gloo, for tests.

By itself accelerate takes a sharding strategy on a CPU for data parallelism, in silence. One private method stands in
the way; with it replaced, the very code runs that would on GPUs. It proves nothing about NCCL or a GPU's memory.

`python -m tests.distributed.shim run RECIPE …`, under `accelerate launch`, is `gristmill run RECIPE …` that also writes
what each process held whenever a checkpoint was complete (to the folder `EVIDENCE`), and stops each stage once, after
that checkpoint of it which `STOP_AT` numbers.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def apply() -> None:
    """Have accelerate shard on CPUs."""
    os.environ |= {"ACCELERATE_TORCH_DEVICE": "cpu", "DS_ACCELERATOR": "cpu"}
    os.environ.pop("ACCELERATE_USE_CPU", None)
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType

    def backend(self: Any, cpu: bool = False, sagemaker_dp: bool = False, backend: str | None = None) -> Any:
        return "gloo", DistributedType.MULTI_GPU

    PartialState._prepare_backend = backend


def watch() -> None:
    """Note what is held and written, beside what the project itself asserts."""
    from pipeline.training import accelerator, checkpoints

    mark, demand = checkpoints.mark_complete, accelerator.require_sharded
    networks: list[Any] = []
    latest = [""]

    def marked(checkpoint: Path, processes: Any) -> None:
        mark(checkpoint, processes)
        stage = latest[0] = checkpoint.parents[2].name
        _note(stage, checkpoint, networks, processes.rank)
        _stop(stage, checkpoint, processes)

    def demanded(model: Any) -> None:
        demand(model)
        if latest[0]:  # the stage before has written its last checkpoint
            networks.clear()
            latest[0] = ""
        networks.append(model)

    checkpoints.mark_complete, accelerator.require_sharded = marked, demanded


def _note(stage: str, checkpoint: Path, networks: list[Any], rank: int) -> None:
    from accelerate.state import AcceleratorState

    state = AcceleratorState()
    row = {
        "stage": stage,
        "type": str(state.distributed_type.value),
        "fsdp2": state.is_fsdp2,
        "zero_stage": state.deepspeed_plugin.zero_stage if state.deepspeed_plugin else None,
        "networks": [_held(network) for network in networks],
        "files": sorted(str(path.relative_to(checkpoint)) for path in checkpoint.rglob("*") if path.is_file()),
    }
    with open(Path(os.environ["EVIDENCE"]) / f"rank{rank}.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")


def _held(network: Any) -> dict[str, Any]:
    """Weights in all, those that this process holds, and of how many kinds of tensor the parameters are."""
    from torch.distributed.tensor import DTensor

    whole = own = sharded = 0
    for weights in network.parameters():
        part = weights.to_local() if isinstance(weights, DTensor) else getattr(weights, "ds_tensor", weights)
        whole += getattr(weights, "ds_numel", weights.numel())
        own += part.numel()
        sharded += isinstance(weights, DTensor) or hasattr(weights, "ds_id")
    return {"whole": whole, "own": own, "sharded_parameters": sharded}


def _stop(stage: str, checkpoint: Path, processes: Any) -> None:
    step = int(checkpoint.name.rsplit("-", 1)[1])
    stopped = Path(os.environ["EVIDENCE"]) / f"stopped-{stage}"
    if str(step) in os.environ.get("STOP_AT", "").split(",") and processes.is_main and not stopped.exists():
        stopped.touch()
        os._exit(7)  # as a kill would: the other process is left in the middle of its step


if __name__ == "__main__":
    from pipeline.training.strategy import strategy

    if strategy().shards:  # data parallelism needs no help
        apply()
    watch()
    from pipeline.cli import main

    sys.exit(main())
