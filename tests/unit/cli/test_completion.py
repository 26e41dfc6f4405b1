"""What a shell completes, through the same door that the shells use."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.artifact import write_json
from pipeline.shipped import shipped_recipes


def completed(words: str) -> list[str]:
    """What bash is given for a line that ends where the cursor is."""
    count = len(words.split(" ")) - 1
    environment = {"_GRISTMILL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    return CliRunner().invoke(app, [], env=environment, prog_name="gristmill").stdout.split()


@pytest.fixture(autouse=True)
def a_folder_with_a_recipe_and_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(shipped_recipes()["tiny"].read_text())
    Path("notes.txt").touch()
    Path("deep").mkdir()
    Path("deep/other.yaml").touch()
    Path("runs/tiny").mkdir(parents=True)
    write_json(Path("runs/tiny/run.json"), {})


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gristmill sta", ["status"]),
        ("gristmill run ", ["deep/", "runs/", "tiny.yaml"]),
        ("gristmill run deep/", ["deep/other.yaml"]),
        ("gristmill run tiny.yaml --until in", ["instruct"]),
        ("gristmill run tiny.yaml --rerun p", ["pretrain", "preferences", "ppo", "publish"]),
        ("gristmill run none.yaml --until ", []),
        ("gristmill run tiny.yaml --acc", ["--accept"]),
        ("gristmill status ", ["runs/tiny"]),
        ("gristmill verify runs/t", ["runs/tiny"]),
        ("gristmill init ti", ["tiny-dpo", "tiny"]),
        ("gristmill init corp", ["corpus-books"]),
        (
            "gristmill init acc",
            [
                "accelerate/cpu2",
                "accelerate/ddp",
                "accelerate/fsdp2",
                "accelerate/tp",
                "accelerate/zero2",
                "accelerate/zero3",
            ],
        ),
    ],
)
def test_names_that_fit_are_offered(line: str, offered: list[str]):
    assert completed(line) == offered


def test_a_recipe_with_faults_offers_no_stages():
    Path("tiny.yaml").write_text("stages: [")
    assert completed("gristmill run tiny.yaml --until ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_the_shell_can_be_shown(shell: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    answer = CliRunner().invoke(app, ["--show-completion", shell], prog_name="gristmill")
    assert answer.exit_code == 0 and "_GRISTMILL_COMPLETE" in answer.stdout
