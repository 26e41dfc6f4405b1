"""The parts of sharded tensors that each process holds: putting them together, cutting them out, and checkpoints.

In a checkpoint each process writes its parts of weights and moments, in the format of torch's distributed checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch.distributed.checkpoint as dcp
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from pipeline.core.errors import StageError

Weights = TypeVar("Weights", bound=Tensor)

PARTS = "parts"
"""The folder, in a checkpoint's: `.metadata`, and `.distcp` files of each process."""


def own_part(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor, not copied; the tensor itself where it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else getattr(tensor, "ds_tensor", tensor)  # or ZeRO-3's


def by_kind(weights: Iterable[Weights]) -> list[list[Weights]]:
    """Those that are sharded and those that are whole, apart: an optimizer's kernels and norms take no mixture."""
    kinds: dict[bool, list[Weights]] = {}
    for one in weights:
        kinds.setdefault(isinstance(one, DTensor), []).append(one)
    return list(kinds.values())


def all_parts(part: Tensor, like: Tensor) -> Tensor:
    """The whole that this process's `part` is of, cut as `like` is; every process calls it."""
    if not isinstance(like, DTensor):
        return part
    cut = DTensor.from_local(
        part, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
    )
    return cut.full_tensor()


def part_of(whole: Tensor, like: Tensor) -> Tensor:
    """The part of this process of a tensor that every process has the whole of, cut as `like` is."""
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None).to_local()


def save_parts(folder: Path, model: nn.Module, optimizers: Sequence[Optimizer], name: str = PARTS) -> None:
    """Write `model` and its optimizers' state; every process calls it."""
    dcp.save(_state(model, optimizers), checkpoint_id=folder / name)


def load_parts(folder: Path, model: nn.Module, optimizers: Sequence[Optimizer], name: str = PARTS) -> None:
    """Go on from what `save_parts` wrote; every process calls it.

    Raises:
        StageError: if it is the checkpoint of another model.
    """
    state = _state(model, optimizers)
    try:
        dcp.load(state, checkpoint_id=folder / name)
    except (dcp.CheckpointException, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StageError(
            f"{folder}: a checkpoint of another model ({reason:.160}); remove the checkpoints to train from the start"
        ) from error
    set_state_dict(model, list(optimizers), model_state_dict=state["model"], optim_state_dict=state["optimizers"])


def _state(model: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, Any]:
    weights, moments = get_state_dict(model, list(optimizers))
    return {"model": weights, "optimizers": moments}
