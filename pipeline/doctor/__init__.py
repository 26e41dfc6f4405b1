"""What `gristmill doctor` looks at: whether this machine and this installation can run a recipe, and how."""

from __future__ import annotations

from pipeline.doctor.finding import Finding
from pipeline.doctor.launch import accelerate_config, processes
from pipeline.doctor.machine import device, disk, hub, memory, threads
from pipeline.doctor.software import libraries, python, shadows, stages, trackers

__all__ = ["Finding", "examine"]


def examine() -> list[Finding]:
    """Every look, in the order in which one trips over what is wrong."""
    looks = (
        python, libraries, shadows, stages, device, threads, memory, disk, processes, accelerate_config, hub, trackers,
    )  # fmt: skip
    return [finding for look in looks for finding in look()]
