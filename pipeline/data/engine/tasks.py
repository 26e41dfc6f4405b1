"""What every engine shares: the task as a datatrove step, its errors, its folder, and the line of progress."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from datatrove.executor.base import PipelineExecutor
from loguru import logger

from pipeline.core.errors import DataError, PipelineError, StageError
from pipeline.core.progress import Progress
from pipeline.core.stage import Engine

logger.disable("datatrove")  # in whichever process a task is unpickled: progress and errors are told by us

Task = Callable[[int], None]
"""Does the task of a rank and leaves its files. Pickled where several work: a dataclass of plain values, say."""


def run_tasks(task: Task, tasks: int, folder: Path, engine: Engine, progress: Progress, unit: str = "task") -> None:
    """Do the tasks of rank 0 to `tasks` - 1 that have no mark in `folder` yet.

    Raises:
        PipelineError: what a task raised, of the lowest rank that failed.
        StageError: for a worker that was killed, or tasks that a cluster did not do.
    """
    shutil.rmtree(folder / "errors", ignore_errors=True)
    make = importlib.import_module(f"pipeline.data.engine.{engine.kind}").executor
    executor = make(Guarded(task, str(folder)), tasks, folder, engine)
    with _counting(executor, progress, unit):
        try:
            executor.run()
        except PipelineError:
            _raise_first_error(folder)
            raise
    _raise_first_error(folder)
    missing = executor.get_incomplete_ranks()
    if missing:
        raise StageError(f"{engine.kind}: {len(missing)} of {tasks} tasks were not done, the first is {missing[0]}; "
                         f"{folder / 'logs'} tells why; run again to go on with them")  # fmt: skip


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into that appears as `folder` when all is written; what a killed attempt left is not used."""
    beside = folder.with_name(f"{folder.name}.{os.uname().nodename}-{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # on a full disk, so that there is room again
        raise
    if folder.exists():  # its task was killed before its mark; a task's files are the same each time
        shutil.rmtree(beside)
    else:
        beside.rename(folder)


@dataclass(frozen=True)
class Guarded:
    """A task as a step of a datatrove pipeline; a user's mistake is written down where every engine can read it."""

    task: Task
    folder: str

    def __call__(self, documents: Any, rank: int, world_size: int) -> None:
        """Do the task of `rank`."""
        try:
            self.task(rank)
        except PipelineError as error:
            errors = Path(self.folder, "errors")
            errors.mkdir(exist_ok=True)
            content = {"data": isinstance(error, DataError), "message": str(error)}
            (errors / f"{rank:05}.json").write_text(json.dumps(content), encoding="utf-8")
            raise


def _raise_first_error(folder: Path) -> None:
    for path in sorted((folder / "errors").glob("*.json"))[:1]:
        content = json.loads(path.read_text(encoding="utf-8"))
        raise (DataError if content["data"] else StageError)(content["message"])


@contextmanager
def _counting(executor: PipelineExecutor, progress: Progress, unit: str) -> Iterator[None]:
    """Show how many tasks are done while the executor works."""
    total = executor.world_size
    over = Event()

    def show() -> None:
        while not over.wait(0.5):
            progress.update(total - len(executor.get_incomplete_ranks()), total, unit=unit)

    thread = Thread(target=show, daemon=True)
    if total > 1:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if total > 1:
            thread.join()
        progress.close()
