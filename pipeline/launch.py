"""One process or several: what `accelerate launch` has set in the environment decides."""

from __future__ import annotations

import os

from pipeline.core.stage import Processes, SingleProcess


def join_processes() -> Processes:
    """The processes of this launch. A single one needs no torch."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return SingleProcess()
    from pipeline.training.processes import LaunchedProcesses

    return LaunchedProcesses.join()
