"""Killed at any moment and run again with the same command, a stage ends with the same bits as one never stopped."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path

import pytest

from pipeline.core.seal import damage
from tests import chain

STAGES = ["pretrain", "sft", "reward", "ppo", "dpo"]
# One by transformers' Trainer and one by ours. The others' unit tests stop them in the middle, in one process.
ENGINES = [stage if stage in ("pretrain", "ppo") else pytest.param(stage, marks=pytest.mark.slow) for stage in STAGES]
MARK = "complete.json"


def prepared(small_run: Path, tmp_path: Path, stage: str) -> Path:
    """A copy of the run up to the stage that will be killed; returns that stage's folder."""
    order = chain.order(small_run)
    chain.copy_run(small_run, tmp_path / "small", order[: order.index(stage)])
    return tmp_path / "small" / stage


def checkpoints(folder: Path, complete: bool) -> list[Path]:
    """The stage's checkpoints that are marked complete, or those that are not."""
    return [path for path in folder.glob(".work/checkpoints/*-*") if (path / MARK).exists() == complete]


@pytest.mark.parametrize("stage", ENGINES)
def test_killed_once_and_resumed_ends_with_the_same_bits(small_run: Path, tmp_path: Path, stage: str):
    folder = prepared(small_run, tmp_path, stage)
    process = chain.start(chain.SMALL, tmp_path, "--until", stage)
    assert chain.kill_when(process, lambda: len(checkpoints(folder, complete=True)) >= 2), "it ended before the kill"
    output = chain.run(chain.SMALL, tmp_path, "--until", stage)
    assert f"{stage}: goes on where it stopped" in output
    assert "goes on from" in output
    assert chain.weights_digest(folder) == chain.weights_digest(small_run / stage)
    assert [row["step"] for row in chain.metrics(folder)] == [row["step"] for row in chain.metrics(small_run / stage)]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_ten_random_moments_ends_with_the_same_bits(small_run: Path, tmp_path: Path, stage: str):
    folder = prepared(small_run, tmp_path, stage)
    moments = random.Random(stage)
    kills = 0
    while kills < 10:
        moment = time.monotonic() + moments.uniform(1.0, 16.0)
        if not chain.kill_when(chain.start(chain.SMALL, tmp_path, "--until", stage), lambda: time.monotonic() > moment):  # noqa: B023
            assert chain.weights_digest(folder) == chain.weights_digest(small_run / stage)
            _forget(folder)
        else:
            kills += 1
    chain.run(chain.SMALL, tmp_path, "--until", stage)
    assert chain.weights_digest(folder) == chain.weights_digest(small_run / stage)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_killed_inside_a_checkpoint_write_ends_with_the_same_bits(small_run: Path, tmp_path: Path, stage: str):
    for attempt in range(12):
        folder = prepared(small_run, tmp_path / str(attempt), stage)
        process = chain.start(chain.SMALL, tmp_path / str(attempt), "--until", stage)
        chain.kill_when(process, lambda: bool(checkpoints(folder, True) and checkpoints(folder, False)))  # noqa: B023
        if checkpoints(folder, complete=False):
            break
    assert checkpoints(folder, complete=False), "no kill fell inside a write"
    chain.run(chain.SMALL, tmp_path / str(attempt), "--until", stage)
    assert chain.weights_digest(folder) == chain.weights_digest(small_run / stage)


TINY = chain.ROOT / "recipes/tiny.yaml"


@pytest.mark.slow
def test_stopped_twice_in_every_stage_of_the_chain_it_ends_as_one_never_stopped(tmp_path: Path):
    """All ten kinds at smoke size, once by Ctrl-C and once by kill -9: those that start over as those that go on."""
    chain.run(TINY, tmp_path / "whole", "--smoke")
    whole, stopped = tmp_path / "whole/tiny-smoke", tmp_path / "stopped/tiny-smoke"
    moments = random.Random(4)
    for stage in chain.order(whole):
        for by in (signal.SIGINT, signal.SIGKILL):
            wait = moments.uniform(0.0, 0.8 * seconds_of(whole / stage))
            process = chain.start(TINY, tmp_path / "stopped", "--smoke", "--until", stage)
            chain.kill_when(process, After(stopped / stage / ".work/identity.json", wait), by=by)
            assert not [fault for made in stopped.glob("*/manifest.json") for fault in damage(made.parent)]
    chain.run(TINY, tmp_path / "stopped", "--smoke")
    for stage in chain.order(whole):
        weights = [name for name in files_of(whole / stage) if name.endswith((".safetensors", "tokenizer.json"))]
        rows = [name for name in files_of(whole / stage) if name.startswith(("train", "validation"))]
        for name in weights + rows:
            assert files_of(stopped / stage)[name] == files_of(whole / stage)[name], f"{stage}/{name}"


class After:
    """Holds from so many seconds after a file has come into being."""

    def __init__(self, path: Path, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        self.since: float | None = None

    def __call__(self) -> bool:
        if self.since is None and self.path.exists():
            self.since = time.monotonic()
        return self.since is not None and time.monotonic() - self.since >= self.seconds


def files_of(folder: Path) -> dict[str, str]:
    """The digests of an artifact's files."""
    return json.loads((folder / "manifest.json").read_text())["files"]


def seconds_of(folder: Path) -> float:
    return json.loads((folder / "manifest.json").read_text())["seconds"]


def _forget(folder: Path) -> None:
    """Start the stage over, after a run that reached its end before the moment came."""
    folder.rename(folder.with_name(f"{folder.name}-{time.time_ns()}"))
