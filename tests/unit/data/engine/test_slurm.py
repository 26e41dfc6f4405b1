"""The Slurm engine, against commands that behave as Slurm's: the array job runs here, in the background."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError, StageError
from pipeline.core.progress import Progress
from pipeline.core.stage import Engine
from pipeline.data.engine import run_tasks
from tests.unit.data.engine.test_engine import Note, done

COMMANDS = {
    "sbatch": """
script=$(mktemp); cp "${@: -1}" $script; cp $script $SLURM_FAKE/script
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' $script)
(for rank in $(seq 0 $last); do SLURM_ARRAY_TASK_ID=$rank SLURM_NODELIST=here bash $script; done > $SLURM_FAKE/out 2>&1 < /dev/null
 rm $SLURM_FAKE/running) > /dev/null 2>&1 &
touch $SLURM_FAKE/running
echo Submitted batch job 17
""",
    "srun": 'while [[ $1 == -* ]]; do [ $1 = -n ] && shift; shift; done; exec "$@"',
    "scontrol": "echo here",
    "squeue": "[ ! -e $SLURM_FAKE/running ] || echo 17 here R",
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, body in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/bash\n{body}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_FAKE", str(folder))
    monkeypatch.setattr("pipeline.data.engine.slurm.POLL", 0.2)
    return folder


def do(folder: Path, task: Note) -> None:
    engine = Engine(kind="slurm", partition="cpu", workers=2, memory_gb=3)
    run_tasks(task, 3, folder / "marks", engine, Progress("test", quiet=True))


def test_the_tasks_are_done_by_a_job_that_is_waited_for(tmp_path: Path, cluster: Path):
    do(tmp_path, Note(str(tmp_path)))
    assert sorted(done(tmp_path)) == [0, 1, 2]
    assert os.getpid() not in {process for found in done(tmp_path).values() for process in found}
    script = (cluster / "script").read_text()
    assert all(f"#SBATCH --{asked}\n" in script for asked in ("array=0-2%2", "partition=cpu", "mem-per-cpu=3G"))


def test_a_mistake_is_told_and_only_what_is_missing_is_done_again(tmp_path: Path, cluster: Path):
    with pytest.raises(DataError, match="file:1: no text"):
        do(tmp_path, Note(str(tmp_path), refuse=(1,)))
    before = done(tmp_path)
    assert sorted(before) == [0, 2]
    do(tmp_path, Note(str(tmp_path)))
    assert sorted(done(tmp_path)) == [0, 1, 2]
    assert {rank: done(tmp_path)[rank] for rank in before} == before


def test_a_job_that_dies_and_a_machine_without_slurm_are_told(tmp_path: Path, cluster: Path, monkeypatch):
    with pytest.raises(StageError, match=r"slurm: 1 of 3 tasks were not done, the first is 2; .*logs"):
        do(tmp_path, Note(str(tmp_path), die=(2,)))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(StageError, match="there is no command 'sbatch' here"):
        do(tmp_path, Note(str(tmp_path)))


def test_what_is_slurms_is_only_slurms():
    for wrong in ({"kind": "slurm"}, {"partition": "cpu"}, {"kind": "local", "memory_gb": 4}):
        with pytest.raises(ValidationError):
            Engine(**wrong)
