"""The table of sharding strategies: runs of `tests/recipes/sharded.yaml` on two processes, and what they left."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import chain

RECIPE = chain.ROOT / "tests/recipes/sharded.yaml"
STRATEGIES = ("ddp", "fsdp2", "zero2", "zero3", "tp")
STAGES = ("pretrain", "muon", "sft", "instruct", "reward", "dpo", "ppo")
"""`muon` is pretrain with its matrix optimizer."""
CHECKS = ("shards", "files", "losses", "resume", "whole")
INPUTS = ["corpus", "tokenizer", "start", "base", "preferences", "scorer"]
"""What those stages begin with: taken over from the run on one process."""
REFUSED = {
    **{(name, "muon"): "lays matrices end to end" for name in ("zero2", "zero3")},
}
"""What a stage says of a strategy that it cannot do."""
DEEPSPEED = chain.ROOT / ".deepspeed"
"""Where `make test-sharded` puts DeepSpeed: beside the environment, since whoever imports it pays for it."""


def offered(strategy: str) -> list[str]:
    """The stages that train under a strategy."""
    return [stage for stage in STAGES if (strategy, stage) not in REFUSED]


def missing(strategy: str) -> str:
    """Why a strategy cannot be tried here."""
    there = (DEEPSPEED / "deepspeed").is_dir() or importlib.util.find_spec("deepspeed")
    return "DeepSpeed is not installed: make .deepspeed/ready" if strategy.startswith("zero") and not there else ""


def launch(strategy: str, runs: Path, *options: str, stop_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run the recipe by the shipped config of a strategy, on two processes."""
    runs.mkdir(parents=True, exist_ok=True)
    file = runs / "accelerate.yaml"
    name = "cpu2" if strategy == "ddp" else strategy  # which needs no shim
    shipped = (chain.ROOT / f"recipes/accelerate/{name}.yaml").read_text()
    file.write_text(re.sub(r"(num_processes|tp_size): 8\b", r"\1: 2", shipped))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file), "--main_process_port",
               str(chain.free_port()), "-m", "tests.distributed.shim", "run", str(RECIPE), "--runs", str(runs)]  # fmt: skip
    environment = chain.ENVIRONMENT | {"EVIDENCE": str(runs), "STOP_AT": stop_at}
    if strategy.startswith("zero"):
        environment["PYTHONPATH"] = os.pathsep.join([str(chain.ROOT), str(DEEPSPEED)])
    return subprocess.run(
        [*command, *options], cwd=chain.ROOT, env=environment, capture_output=True, text=True, timeout=1500
    )


@dataclass(frozen=True)
class Run:
    """A run of the recipe, and what its processes wrote of themselves."""

    folder: Path
    """Of the run: its artifacts."""
    runs: Path

    def metrics(self, stage: str) -> list[dict[str, Any]]:
        """The lines of a stage's metrics."""
        return chain.metrics(self.folder / stage)

    def evidence(self, stage: str) -> list[dict[str, Any]]:
        """What each process held when the stage's last checkpoint was complete, in rank order."""
        rows = [[json.loads(line) for line in file.read_text().splitlines()] for file in
                sorted(self.runs.glob("rank*.jsonl"))]  # fmt: skip
        return [[row for row in rank if row["stage"] == stage][-1] for rank in rows]


def fresh(reference: Run, strategy: str, runs: Path) -> Run:
    """All stages under a strategy."""
    chain.copy_run(reference.folder, runs / "sharded", _given(strategy))
    return _finished(launch(strategy, runs, *_until(strategy)), runs)


def stopped_everywhere(reference: Run, strategy: str, runs: Path) -> Run:
    """All stages, each killed once after a checkpoint and gone on with."""
    chain.copy_run(reference.folder, runs / "sharded", _given(strategy))
    for _ in range(len(offered(strategy))):
        stopped = launch(strategy, runs, *_until(strategy), stop_at="8,2")
        assert stopped.returncode != 0, stopped.stdout
    return _finished(launch(strategy, runs, *_until(strategy), stop_at="8,2"), runs)


def _given(strategy: str) -> list[str]:
    return INPUTS + [stage for stage in STAGES if stage not in offered(strategy)]


def _until(strategy: str) -> list[str]:
    return ["--until", offered(strategy)[-1]]


def _finished(done: subprocess.CompletedProcess[str], runs: Path) -> Run:
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return Run(runs / "sharded", runs)
