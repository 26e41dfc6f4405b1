"""The command answers quickly, without heavy imports, and a user's mistake gets one line and an exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def gristmill(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], capture_output=True, text=True, cwd=cwd, env=environment
    )


def test_shipped_recipes_are_valid():
    for recipe in sorted((ROOT / "recipes").glob("*.yaml")):
        answer = gristmill("validate", str(recipe))
        assert answer.returncode == 0, answer.stderr


def test_a_typo_is_one_line_with_its_place_and_exit_2(tmp_path: Path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text((ROOT / "recipes/tiny.yaml").read_text().replace("kl_coefficient:", "kl_coeficient:"))
    answer = gristmill("run", str(recipe), "--runs", str(tmp_path / "runs"))
    assert answer.returncode == 2
    assert "stages.ppo.kl_coeficient: unknown key; did you mean 'kl_coefficient'?" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_validate_prints_problems_as_json(tmp_path: Path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("recipe: 1\nname: x\nstages: {corpus: {}}\n")
    answer = gristmill("validate", str(recipe), "--json")
    assert answer.returncode == 2
    assert json.loads(answer.stdout)["problems"][0]["path"] == "stages.corpus.sources"


def test_plan_says_what_would_run(tmp_path: Path):
    answer = gristmill("plan", "recipes/tiny.yaml", "--runs", str(tmp_path), "--json")
    assert {stage["action"] for stage in json.loads(answer.stdout)} == {"run"}


def test_status_and_verify_of_a_folder_without_a_run_are_one_line(tmp_path: Path):
    for verb in ("status", "verify"):
        answer = gristmill(verb, str(tmp_path))
        assert answer.returncode == 3
        assert len(answer.stderr.splitlines()) == 1


def test_help_has_examples():
    for verb in ("validate", "plan", "run", "status", "verify"):
        assert "gristmill" in gristmill(verb, "--help").stdout
