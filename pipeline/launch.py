"""One process or several: what `accelerate launch` has set in the environment decides."""

from __future__ import annotations

import os

from pipeline.core.errors import RunError
from pipeline.core.stage import Processes, SingleProcess


def join_processes() -> Processes:
    """The processes of this launch. A single one needs no torch.

    Raises:
        RunError: when the environment describes no launch, or its processes do not come together.
    """
    asked = os.environ.get("WORLD_SIZE", "1")
    if not asked.isdecimal() or int(asked) < 1:
        raise RunError(f"WORLD_SIZE={asked}: not a number of processes; unset it, or start by `accelerate launch`")
    if int(asked) == 1:
        return SingleProcess()
    from pipeline.training.processes import LaunchedProcesses

    return LaunchedProcesses.join()
