"""Run the command on a recipe in a process of its own, kill it, and look at what it left."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SMALL = ROOT / "tests/recipes/small.yaml"
CPU2 = ROOT / "recipes/accelerate/cpu2.yaml"
ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
    "COLUMNS": "80",
    "MASTER_ADDR": "127.0.0.1",
}


def start(recipe: Path, runs: Path, *options: str, launch: bool = False) -> subprocess.Popen[str]:
    """Start `gristmill run`; with `launch` by accelerate on two processes."""
    launcher = [sys.executable, "-m"]
    if launch:
        launcher += [
            "accelerate.commands.launch",
            "--config_file",
            str(CPU2),
            "--main_process_port",
            str(free_port()),
            "-m",
        ]
    command = [*launcher, "pipeline", "run", str(recipe), "--runs", str(runs), *options]
    return subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )  # fmt: skip


def finish(process: subprocess.Popen[str], timeout: float = 900) -> str:
    """Wait for a run that must succeed; its output."""
    output, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, output
    return output


def run(recipe: Path, runs: Path, *options: str, launch: bool = False) -> str:
    """Run to the end."""
    return finish(start(recipe, runs, *options, launch=launch))


def gristmill(folder: Path, *arguments: str) -> str:
    """The command in a folder, which must succeed; its output."""
    command = [sys.executable, "-m", "pipeline", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return finish(process)


def kill_when(
    process: subprocess.Popen[str], condition: Callable[[], bool], timeout: float = 300, by: int = signal.SIGKILL
) -> bool:
    """Kill the run, and whatever it started, as soon as `condition` holds; False if it ended before that."""
    deadline = time.monotonic() + timeout
    while process.poll() is None:
        if condition():
            os.killpg(process.pid, by)
            process.communicate(timeout=timeout)
            return True
        assert time.monotonic() < deadline, "the moment to kill at never came"
        time.sleep(0.001)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return False


def copy_run(source: Path, target: Path, keep: list[str]) -> None:
    """A copy of a run's folder that holds only the stages in `keep`."""
    target.mkdir(parents=True)
    shutil.copy(source / "run.json", target / "run.json")
    for stage in keep:
        shutil.copytree(source / stage, target / stage)


def order(run_folder: Path) -> list[str]:
    """The stages of a run."""
    return json.loads((run_folder / "run.json").read_text())["order"]


def weights_digest(artifact: Path) -> str:
    """The sha256 of an artifact's weights."""
    return hashlib.sha256((artifact / "model.safetensors").read_bytes()).hexdigest()


def metrics(artifact: Path) -> list[dict[str, Any]]:
    """The lines of an artifact's metrics.jsonl."""
    return [json.loads(line) for line in (artifact / "metrics.jsonl").read_text().splitlines()]


def free_port() -> int:
    """A port that nothing listens on."""
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]
