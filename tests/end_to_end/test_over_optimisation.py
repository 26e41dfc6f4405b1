"""PPO without a KL penalty on the shipped recipe: the learned reward rises, the language is lost, and both are said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import chain

UPDATES = 16
GREEDY = ("ppo.kl_coefficient=0", "ppo.learning_rate=2e-3", f"ppo.steps={UPDATES}", "ppo.course=null")


@pytest.fixture(scope="module")
def greedy(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The ppo stage of a run beside tiny's that takes over all before it, and what the command printed."""
    folder = tmp_path_factory.mktemp("greedy")
    shutil.copy(tiny_folder / "tiny.yaml", folder)
    settings = [word for setting in GREEDY for word in ("--set", setting)]
    runs = str(tiny_folder / "runs")
    output = chain.gristmill(
        folder, "run", "tiny.yaml", "--name", "greedy", "--runs", runs, "--until", "ppo", *settings
    )
    return tiny_folder / "runs/greedy", output


def figures(run: Path) -> dict[str, Any]:
    return json.loads((run / "ppo/manifest.json").read_text())["metrics"]


def test_the_learned_reward_rises_while_the_language_is_lost(greedy: tuple[Path, str]):
    found = figures(greedy[0])
    assert found["score_gain"] > 4 * found["score_gain_error"]
    assert found["true_grammatical_gain"] < -0.3 or found["true_format_gain"] < -0.3


def test_the_checks_name_distance_and_what_it_cost(greedy: tuple[Path, str]):
    verdicts = {check["name"]: check["verdict"] for check in json.loads((greedy[0] / "ppo/checks.json").read_text())}
    assert verdicts["KL from the reference"] != "pass"
    assert "fail" in {verdicts["change of grammatical"], verdicts["change of format"]}


def test_the_warning_comes_while_it_trains(greedy: tuple[Path, str]):
    said = [line for line in greedy[1].splitlines() if "warning: update" in line and "KL runs away" in line]
    assert len(said) == 1
    assert int(said[0].split("update ")[1].split(":")[0]) < UPDATES


def test_the_report_shows_it(greedy: tuple[Path, str]):
    page = (greedy[0] / "report.html").read_text()
    assert "KL from the reference" in page
    assert "KL runs away" in page
