"""A damaged run, a disk that refuses and a launch that fails are answered by one line; what was sealed stays valid."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from pipeline.cli.errors import user_errors
from pipeline.core.artifact import MANIFEST
from pipeline.core.functions import function_digest
from pipeline.core.lock import locked
from pipeline.core.recipe import load_recipe
from pipeline.core.run import RunOptions, run_recipe
from pipeline.core.seal import damage
from tests.contracts.bad_input.environment import LOAF, TABLES
from tests.contracts.bad_input.fault import Fault, assert_answered, names
from tests.unit.core import toy

ROOT = Path(__file__).parents[3]
ROWS = [row for table in TABLES.values() for row in table]


def bake(folder: Path, text: str = toy.RECIPE, **options: object) -> None:
    """Run the toy recipe in `folder`."""
    (folder / "loaf.yaml").write_text(text)
    recipe = load_recipe(folder / "loaf.yaml", table=toy.TABLE, catalogue=toy.CATALOGUE)
    runs = folder / str(options.pop("runs", "runs"))
    run_recipe(recipe, RunOptions(runs, **options), toy.CATALOGUE, say=lambda line: None)  # type: ignore[arg-type]


def said_by(capsys: pytest.CaptureFixture[str], call: object, *arguments: object, **options: object) -> str:
    """What the command would print, having left with exit code 3."""
    capsys.readouterr()
    with pytest.raises(typer.Exit) as left, user_errors():
        call(*arguments, **options)  # type: ignore[operator]
    assert left.value.exit_code == 3
    return capsys.readouterr().err


def sealed(runs: Path) -> dict[str, list[str]]:
    """The faults of every artifact whose manifest is whole, by its place."""
    found = {}
    for manifest in runs.glob(f"*/*/{MANIFEST}"):
        try:
            found[str(manifest.parent)] = damage(manifest.parent)
        except Exception:  # the manifest itself is what the row broke
            continue
    return found


@pytest.mark.parametrize("row", ROWS, ids=names)
def test_each_fault_is_one_line_and_loses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str], row: Fault):
    bake(tmp_path)
    breaks, options = row.how
    breaks(tmp_path)
    before, calls = sealed(tmp_path / "runs"), list(toy.CALLS)
    assert_answered(said_by(capsys, bake, tmp_path, **options), row, tmp_path)
    assert sealed(tmp_path / "runs") == before
    assert calls == toy.CALLS, "a stage was run all the same"


def test_a_lock_that_a_dead_process_left_is_no_hindrance(tmp_path: Path):
    (tmp_path / LOAF).mkdir(parents=True)
    (tmp_path / LOAF / ".lock").write_text("process 1")
    bake(tmp_path)


def test_a_lock_that_is_held_names_the_holder(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    bake(tmp_path)
    with locked(tmp_path / LOAF):
        said = said_by(capsys, bake, tmp_path)
    answer = f"{LOAF}: another run is in this folder (process {os.getpid()}); wait for it, or use --name NEW"
    assert_answered(said, Fault("", None, (answer,)), tmp_path)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; only root may make one, and not in every container."""
    folder = tmp_path / "runs"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(
    tmp_path: Path, mounted: Path, capsys: pytest.CaptureFixture[str]
):
    text = toy.RECIPE + "  field: {kind: sow, grains: 50, checks: warn}\n"
    bake(tmp_path, text, until="bake")
    filler = mounted / "filler"
    with pytest.raises(OSError), open(filler, "wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
    said = said_by(capsys, bake, tmp_path, text)
    assert_answered(
        said,
        Fault("", None, ("…No space left on device; what was sealed is valid, and the same command goes on",)),
        tmp_path,
    )
    assert sealed(mounted) == {str(mounted / "loaf" / stage): [] for stage in ("sow", "mill", "bake")}
    assert not list(mounted.glob("loaf/field/manifest.json"))
    filler.unlink()
    bake(tmp_path, text)
    assert toy.CALLS[-1] == "field"


def test_a_read_only_folder_is_named(tmp_path: Path, mounted: Path, capsys: pytest.CaptureFixture[str]):
    bake(tmp_path)
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    answer = f"{LOAF}/.lock: Read-only file system; what was sealed is valid, and the same command goes on"
    assert_answered(said_by(capsys, bake, tmp_path), Fault("", None, (answer,)), tmp_path)
    answer = "runs/other: Read-only file system; what was sealed is valid, and the same command goes on"
    assert_answered(said_by(capsys, bake, tmp_path, name="other"), Fault("", None, (answer,)), tmp_path)


class SafetensorError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x"), "x: No space left on device; …"),
        (OSError(errno.EIO, "Input/output error", "x"), "x: Input/output error; …"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: Permission denied; …"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk: …(os error 28); …"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes."), "the memory is too small (…): lower runtime.micro_batch, or …"),
        (MemoryError(), "the memory is too small (…): lower runtime.micro_batch, or …"),
    ],
)  # fmt: skip
def test_what_libraries_say_of_the_machine_is_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, answer: str
):
    def fail() -> None:
        raise error

    assert_answered(said_by(capsys, fail), Fault("", None, (answer,)), Path("/nowhere"))


def test_a_mistake_of_the_program_is_not_hidden():
    with pytest.raises(KeyError), user_errors():
        raise KeyError("x")


def test_a_module_beside_the_recipe_shadows_no_library(tmp_path: Path):
    for name in ("torch", "pipeline", "judge"):
        (tmp_path / f"{name}.py").write_text("def f(): ...\n")
    function_digest("judge:f", tmp_path)
    for name in ("torch", "pipeline"):
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None and not spec.origin.startswith(str(tmp_path))


CORPUS = 'recipe: 1\nname: n\nstages:\n  corpus: {sources: [{data: "%s"}], checks: warn}\n'


def command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], capture_output=True, text=True, cwd=folder, timeout=120,
        env=inherited | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"} | environment,
    )  # fmt: skip


def taken_port() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


@pytest.mark.parametrize(
    ("what", "data", "environment", "answer"),
    [
        ("an offline Hub", "hf://datasets/org/name", {"HF_HUB_OFFLINE": "1"}, "hf://org/name: HF_HUB_OFFLINE is set, …"),
        ("a Hub out of reach", "hf://datasets/org/name", {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"},
         "hf://org/name: no answer from the Hub (…); check the network and HF_ENDPOINT"),
        ("a number of processes that is none", "builtin:valley", {"WORLD_SIZE": "two"},
         "WORLD_SIZE=two: not a number of processes; unset it, or start by `accelerate launch`"),
    ],
)  # fmt: skip
def test_what_the_command_cannot_reach_is_one_line(
    tmp_path: Path, what: str, data: str, environment: dict, answer: str
):
    (tmp_path / "n.yaml").write_text(CORPUS % data)
    answered = command(tmp_path, "run", "n.yaml", **environment)
    assert answered.returncode == 3, answered.stderr
    assert_answered(answered.stderr, Fault(what, None, (answer,)), tmp_path)


def test_a_port_in_use_is_named(tmp_path: Path):
    (tmp_path / "n.yaml").write_text(CORPUS % "builtin:valley")
    with taken_port() as server:
        port = str(server.getsockname()[1])
        launch = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        answered = command(tmp_path, "run", "n.yaml", **launch)
    assert answered.returncode == 3, answered.stderr
    last = answered.stderr.splitlines()[-1]  # torch warns before it raises
    assert last.startswith(f"WORLD_SIZE=2: the processes cannot meet at 127.0.0.1:{port} ("), last
    assert "--main_process_port" in last and "Traceback" not in answered.stderr


def test_neither_a_compiler_nor_git_is_needed(tmp_path: Path):
    (tmp_path / "n.yaml").write_text(CORPUS.replace('"%s"', '"builtin:valley", documents: 60'))
    answered = command(tmp_path, "run", "n.yaml", PATH=str(tmp_path), CC="/nowhere/cc")
    assert answered.returncode == 0, answered.stderr
    assert damage(tmp_path / "runs/n/corpus") == []
