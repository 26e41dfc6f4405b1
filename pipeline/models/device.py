"""The device of one process of a launch, for stages that only run models; trainers place theirs by Accelerate."""

from __future__ import annotations

import os

import torch
from transformers import PreTrainedModel


def own_device() -> torch.device:
    """The process's own GPU, by its number on the machine; the CPU where there is none."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def on_own_device(model: PreTrainedModel) -> PreTrainedModel:
    """The same model, moved to this process's device."""
    torch.nn.Module.to(model, own_device())
    return model
