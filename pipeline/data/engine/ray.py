"""The engine of a Ray cluster: the one that `RAY_ADDRESS` names, or one that is started on this machine."""

from __future__ import annotations

from pathlib import Path

from datatrove.executor.ray import RayPipelineExecutor

from pipeline.core.stage import Engine
from pipeline.data.engine.tasks import Guarded


def executor(step: Guarded, tasks: int, folder: Path, engine: Engine) -> RayPipelineExecutor:
    """The executor of the tasks of `step`. The folder must be one that every node sees."""
    import ray

    if not ray.is_initialized():  # pyright: ignore[reportAttributeAccessIssue]
        ray.init(  # pyright: ignore[reportAttributeAccessIssue]
            log_to_driver=False, include_dashboard=False, logging_level="ERROR"
        )
    workers = -1 if engine.workers == "auto" else engine.workers
    return RayPipelineExecutor([step], tasks=tasks, workers=workers, mem_per_cpu_gb=0, logging_dir=str(folder))
