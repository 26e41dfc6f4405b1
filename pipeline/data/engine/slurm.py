"""The engine of a Slurm cluster: an array job of the tasks, which is waited for."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

from datatrove.executor.slurm import SlurmPipelineExecutor

from pipeline.core.errors import StageError
from pipeline.core.stage import Engine
from pipeline.data.engine.tasks import Guarded

POLL = 5.0
"""Seconds between looks at the queue, and that a shared file system is given to show the last marks."""


def executor(step: Guarded, tasks: int, folder: Path, engine: Engine) -> SlurmPipelineExecutor:
    """The executor of the tasks of `step`. The folder, Python and this package must be what every node sees."""
    paths = [f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH",
             f"PYTHONPATH={shlex.quote(str(Path(__file__).parents[3]))}:$PYTHONPATH"]  # fmt: skip
    return Slurm(
        [step],
        tasks=tasks,
        workers=-1 if engine.workers == "auto" else engine.workers,
        partition=str(engine.partition),
        time=engine.time or "24:00:00",
        mem_per_cpu_gb=engine.memory_gb or 4,
        qos="",
        job_name="gristmill",
        env_command=f"export {' '.join(paths)}",
        requeue=False,
        logging_dir=str(folder),
    )


class Slurm(SlurmPipelineExecutor):
    """datatrove's executor, which hands the tasks in and returns; this one comes back when the job has ended."""

    def run(self) -> None:
        """In the job, do its task; where the recipe runs, submit the job and wait for it."""
        try:
            super().run()
        except FileNotFoundError as error:
            raise StageError(
                f"slurm: there is no command {error.filename!r} here; run on a node of the cluster"
            ) from None
        except subprocess.CalledProcessError as error:
            raise StageError(f"slurm: {' '.join(map(str, error.cmd))!r} failed; what it said stands above") from None
        if self.job_id not in (None, -1):
            while self.get_incomplete_ranks() and self._is_queued():
                time.sleep(POLL)
            time.sleep(POLL if self.get_incomplete_ranks() else 0)

    def launch_merge_stats(self) -> None:
        """No job that adds up datatrove's own statistics: tasks count for themselves."""

    def _is_queued(self) -> bool:
        queue = subprocess.run(["squeue", "--noheader", "--jobs", str(self.job_id)], capture_output=True, check=False)
        return queue.returncode == 0 and bool(queue.stdout.strip())
