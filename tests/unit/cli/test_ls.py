"""`gristmill ls`: what it says of each run, and that nothing passes 80 columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from pipeline.core.artifact import CHECKS, MANIFEST, WORK, write_json
from pipeline.core.kinds import describe
from pipeline.core.lock import locked
from pipeline.core.plan import IDENTITY
from pipeline.data.builtin import CATALOGUE
from pipeline.stages import stage_table


def gristmill(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


A_MANIFEST = {
    "format": 1, "fingerprint": "0" * 64, "identity": {}, "settings": {}, "inputs": {}, "seed": 0, "runtime": {},
    "world_size": 1, "started": 1.8e9, "seconds": 1.0, "cpu_seconds": 1.0, "resumed": False, "exact": True,
    "inexact_because": [], "metrics": {}, "headline": "", "environment": {"versions": {}, "machine": "", "commit": None},
    "files": {},
}  # fmt: skip


def a_run(runs: Path, name: str, made: int = 0, begun: bool = False, verdict: str = "pass") -> Path:
    """A run of three stages, as a walk leaves it."""
    folder = runs / name
    ids = ["corpus", "tokenizer", "pretrain"]
    for stage in ids[:made]:
        (folder / stage).mkdir(parents=True)
        write_json(folder / stage / MANIFEST, {**A_MANIFEST, "id": stage, "kind": stage})
        check = {"name": "it", "figure": 1, "expected": "2", "verdict": verdict, "advice": "again"}
        write_json(folder / stage / CHECKS, [check])
    if begun:
        (folder / ids[made] / WORK).mkdir(parents=True)
        write_json(folder / ids[made] / WORK / IDENTITY, {})
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", {"recipe": f"recipes/{name}.yaml", "name": name, "order": ids, "settings": {}})
    return folder


@pytest.mark.parametrize(
    ("how", "state"),
    [
        ({"made": 3}, "done"),
        ({"made": 2}, "before pretrain"),
        ({"made": 1, "begun": True}, "within tokenizer"),
        ({"made": 2, "verdict": "fail"}, "failed check: corpus"),
        ({"made": 3, "verdict": "warn"}, "done"),
    ],
)
def test_the_state_says_how_far_a_run_is(how: dict[str, object], state: str, tmp_path: Path):
    a_run(tmp_path, "one", **how)  # type: ignore[arg-type]
    (listed,) = json.loads(gristmill("ls", "--runs", str(tmp_path), "--json").stdout)
    assert (listed["name"], listed["state"], listed["made"]) == ("one", state, how["made"])


def test_a_run_that_goes_on_at_this_moment_is_running(tmp_path: Path):
    folder = a_run(tmp_path, "one", made=1)
    with locked(folder):
        (listed,) = json.loads(gristmill("ls", "--runs", str(tmp_path), "--json").stdout)
    assert listed["state"] == "running: tokenizer"


def test_the_size_is_that_of_the_files(tmp_path: Path):
    folder = a_run(tmp_path, "one")
    before = json.loads(gristmill("ls", "--runs", str(tmp_path), "--json").stdout)[0]["bytes"]
    (folder / "corpus").mkdir()
    (folder / "corpus/train-00000.jsonl").write_bytes(b"x" * 12345)
    assert json.loads(gristmill("ls", "--runs", str(tmp_path), "--json").stdout)[0]["bytes"] == before + 12345


def test_long_names_give_way_so_that_a_line_fits(tmp_path: Path):
    a_run(tmp_path, "a-run-with-a-name-that-is-longer-than-a-name-should-be", made=1, begun=True)
    a_run(tmp_path, "short", made=3)
    lines = gristmill("ls", "--runs", str(tmp_path)).stdout.splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert len({len(line) for line in lines}) == 1


def test_no_folder_of_runs_is_one_line_with_the_way_on(tmp_path: Path):
    answer = gristmill("ls", "--runs", str(tmp_path / "none"))
    assert answer.exit_code == 3 and "gristmill run" in answer.stderr


def test_every_kind_and_builtin_is_listed():
    kinds, builtins = gristmill("ls", "--stages").stdout, gristmill("ls", "--builtins").stdout
    for kind in describe(stage_table()):
        assert kind.summary and f"{kind.kind} " in kinds
    assert all(f"builtin:{name}" in builtins for _, name in CATALOGUE)
    assert max(map(len, (kinds + builtins).splitlines())) <= 80


def test_kinds_say_what_they_read_and_make():
    kinds = {kind["kind"]: kind for kind in json.loads(gristmill("ls", "--stages", "--json").stdout)}
    assert kinds["pretrain"]["reads"] == ["Corpus", "Tokenizer"] and kinds["pretrain"]["makes"] == "Model"
    assert "RewardModel or judge" in kinds["ppo"]["reads"]
