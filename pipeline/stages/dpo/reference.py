"""The policy and the model that it started from, each to be opened when it is asked.

The reference takes no memory while the policy trains: with an adapter it is the policy with the adapter off, else it is
read from its folder again, and given back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peft
import torch
from transformers import PreTrainedModel

from pipeline.data.adopting import open_model
from pipeline.models.device import on_own_device
from pipeline.training.whole import Whole


class PolicyAndReference:
    """What is trained, and where it came from."""

    def __init__(self, policy: Any, folder: Path) -> None:
        """`policy` is a model with or without an adapter, not sharded yet; `folder` that of the model it was before."""
        self._policy, self._folder = policy, folder
        self._whole = Whole(policy)

    @contextmanager
    def policy(self) -> Iterator[PreTrainedModel]:
        """The policy as it is now, with all its weights. Every process asks for it."""
        yield self._whole.of(self._policy)

    @contextmanager
    def reference(self) -> Iterator[PreTrainedModel]:
        """The policy as it was before the first step."""
        if isinstance(self._policy, peft.PeftModel):
            policy = self._whole.of(self._policy)
            with policy.disable_adapter():
                yield policy  # pyright: ignore[reportReturnType]: it answers as the model inside it
        else:
            yield on_own_device(open_model(self._folder, torch.float32)[0])
