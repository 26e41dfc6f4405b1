"""Tasks are each done once, by however many workers; what goes wrong in one is told as if it had been done here."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.core.errors import DataError, StageError
from pipeline.core.progress import Progress
from pipeline.core.stage import Engine
from pipeline.data.engine import run_tasks, whole_folder


@dataclass(frozen=True)
class Note:
    """Writes down which process did the task of which rank."""

    folder: str
    refuse: tuple[int, ...] = ()
    die: tuple[int, ...] = ()

    def __call__(self, rank: int) -> None:
        if rank in self.die:
            os.kill(os.getpid(), signal.SIGKILL)
        if rank in self.refuse:
            raise DataError(f"file:{rank}: no text")
        with open(Path(self.folder, f"{rank}.txt"), "a") as file:
            file.write(f"{os.getpid()}\n")


def done(folder: Path) -> dict[int, list[int]]:
    return {int(path.stem): [int(line) for line in path.read_text().split()] for path in folder.glob("*.txt")}


def do(folder: Path, task: Note, tasks: int = 4, workers: int = 1) -> None:
    run_tasks(task, tasks, folder / "marks", Engine(workers=workers), Progress("test", quiet=True))


def test_one_worker_works_here_and_several_elsewhere(tmp_path):
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        do(folder, Note(str(folder)), workers=workers)
        processes = done(folder)
        assert sorted(processes) == [0, 1, 2, 3]
        assert all(len(found) == 1 for found in processes.values())
        here = os.getpid() in {process for found in processes.values() for process in found}
        assert here == (workers == 1)


@dataclass(frozen=True)
class Fill:
    """Finds no room on the disk at its second task."""

    folder: str

    def __call__(self, rank: int) -> None:
        with whole_folder(Path(self.folder, f"{rank:05}")) as folder:
            (folder / "part").write_text("some")
            if rank == 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "rest"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_as_such_and_half_a_task_is_taken_away(tmp_path, workers):
    with pytest.raises(OSError, match="No space left on device") as told:
        run_tasks(Fill(str(tmp_path)), 3, tmp_path / "marks", Engine(workers=workers), Progress("test", quiet=True))
    assert told.value.errno == errno.ENOSPC
    made = {path.name for path in tmp_path.iterdir()} - {"marks"}
    assert "00000" in made and not {name for name in made if name.startswith("00001")}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_users_mistake_is_told_and_the_rest_goes_on_from_there(tmp_path, workers, capfd):
    with pytest.raises(DataError, match=r"^file:1: no text$"):
        do(tmp_path, Note(str(tmp_path), refuse=(1,)), workers=workers)
    assert "Traceback" not in capfd.readouterr().err
    before = done(tmp_path)
    do(tmp_path, Note(str(tmp_path)), workers=workers)
    after = done(tmp_path)
    assert sorted(after) == [0, 1, 2, 3]
    assert all(after[rank] == found for rank, found in before.items())  # no finished task is done again


def test_a_worker_that_is_killed_is_noticed(tmp_path):
    with pytest.raises(StageError, match=r"one of 2 workers was killed.*engine: \{workers: 1\}"):
        do(tmp_path, Note(str(tmp_path), die=(2,)), workers=2)
    do(tmp_path, Note(str(tmp_path)), workers=2)
    assert sorted(done(tmp_path)) == [0, 1, 2, 3]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(OSError, match="full"), whole_folder(tmp_path / "made") as folder:
        (folder / "half").write_text("")
        raise OSError("full")
    assert not list(tmp_path.iterdir())
    with whole_folder(tmp_path / "made") as folder:
        (folder / "all").write_text("")
        assert not (tmp_path / "made").exists()
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["all"]
