"""The engine of one machine: datatrove's, over a pool that notices when a worker is killed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from threading import Thread

from datatrove.executor.local import LocalPipelineExecutor

from pipeline.core.errors import StageError
from pipeline.core.stage import Engine
from pipeline.data.engine.tasks import Guarded


def executor(step: Guarded, tasks: int, folder: Path, engine: Engine) -> Local:
    """The executor of the tasks of `step`."""
    workers = len(os.sched_getaffinity(0)) if engine.workers == "auto" else engine.workers
    made = Local([step], tasks=tasks, workers=workers, logging_dir=str(folder))
    made.modules = [step.task.__module__]
    return made


class Local(LocalPipelineExecutor):
    """datatrove's executor for one machine, but for the pool: its own waits forever for a worker that is gone."""

    modules: Sequence[str] = ()
    """What workers are to have imported before they are given a task."""

    def run(self) -> None:
        """Do the tasks that are not done; in this process where one worker is enough."""
        ranks = self.get_incomplete_ranks()
        workers = min(self.workers, len(ranks))
        if workers <= 1:
            for rank in ranks:
                self._run_for_rank(rank)
            return
        server = get_context("forkserver")  # workers are copies of it: what it has imported, they have
        server.set_forkserver_preload(["__main__", *self.modules])
        with ProcessPoolExecutor(workers, server, _begin) as pool:
            futures = [pool.submit(_run_rank, self, rank) for rank in ranks]
            try:
                _wait_for_all(futures)
            except BrokenProcessPool:
                raise StageError(
                    f"one of {workers} workers was killed, as happens when memory runs out; "
                    "`runtime: {engine: {workers: 1}}` needs less; run again to go on"
                ) from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _run_rank(executor: Local, rank: int) -> None:
    executor._run_for_rank(rank)


def _wait_for_all(futures: list[Future[None]]) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()


def _begin() -> None:
    """Before a worker's first task: it is one of several, and ends with the process that asked for it."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    parent = parent_process()
    assert parent is not None
    Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)
