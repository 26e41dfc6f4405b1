"""The command answers quickly, without heavy imports, and a user's mistake gets one line and an exit code."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import VERBS, app
from tests.contracts.test_house import HEAVY
from tests.unit.cli.test_ls import a_run

ROOT = Path(__file__).parents[2]
NAMES = [verb.__name__ for verbs in VERBS.values() for verb in verbs]


def gristmill(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], capture_output=True, text=True, cwd=cwd, env=environment
    )


def test_shipped_recipes_are_valid(tmp_path: Path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text/own.txt").write_text("The text that shakespeare-cpu leaves to its user.")
    for recipe in sorted((ROOT / "recipes").glob("*.yaml")):
        answer = gristmill("validate", shutil.copy(recipe, tmp_path))
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


@pytest.mark.parametrize("verb", NAMES)
def test_help_has_an_example_on_a_line_of_its_own_and_fits_80_columns(verb: str):
    answer = CliRunner().invoke(app, [verb, "--help"], prog_name="gristmill", env={"COLUMNS": "80"}).stdout
    assert re.search(rf"(?m)^  (Example: |  )\S*.*gristmill {verb}\b", answer), answer
    assert max(map(len, answer.splitlines())) <= 80


def test_help_shows_every_verb_a_session_and_the_exit_codes():
    answer = gristmill("--help").stdout
    assert all(re.search(rf"(?m)^  {name} +\S", answer) for name in NAMES)
    for verb in re.findall(r"(?m)^  gristmill (\w+) ", answer):
        assert verb in NAMES
    assert "Exit codes: 0 done" in answer
    assert max(map(len, answer.splitlines())) <= 80


def test_the_version_is_the_package_s():
    assert gristmill("--version").stdout == f"gristmill {importlib.metadata.version('gristmill')}\n"


def test_what_is_not_a_verb_or_an_option_is_exit_2():
    assert gristmill("grind").returncode == 2
    assert gristmill("validate", "recipes/tiny.yaml", "--fast").returncode == 2


LIGHT = [
    ["--help"],
    ["init"],
    ["ls", "--stages"],
    ["ls", "--builtins"],
    ["ls", "--runs", "{runs}"],
    ["schema"],
    ["validate", "recipes/tiny.yaml"],
    ["plan", "recipes/tiny.yaml", "--runs", "{runs}"],
    ["status", "{runs}/one"],
    ["verify", "{runs}/one"],
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, whose first stage is made and failed a check."""
    folder = tmp_path_factory.mktemp("r")
    a_run(folder, "one", made=1, verdict="fail")
    return folder


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_a_command_that_only_reads_imports_no_heavy_library(arguments: list[str], runs: Path):
    given = [argument.format(runs=runs) for argument in arguments]
    code = (
        "import sys\nfrom pipeline.cli import app\ntry:\n    app(sys.argv[1:], prog_name='gristmill')\n"
        "except SystemExit:\n    pass\nprint('\\nMODULES', *{name.split('.')[0] for name in sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    modules = set(answer.stdout.rpartition("MODULES")[2].split())
    assert "pydantic" in modules
    assert not modules & {*HEAVY, "matplotlib", "jinja2", "huggingface_hub", "rich"}


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_output_fits_80_columns_without_colour_where_nobody_looks(arguments: list[str], runs: Path):
    if arguments == ["schema"]:
        pytest.skip("JSON, not text for people")
    answer = gristmill(*(argument.format(runs=runs) for argument in arguments), cwd=ROOT)
    paths = {word for word in answer.stdout.split() if "/" in word}  # a path stays whole, to be copied
    wide = [line for line in answer.stdout.splitlines() if len(line) > 80 and not paths & set(line.split())]
    assert not wide
    assert "\033[" not in answer.stdout


@pytest.mark.skipif(shutil.which("script") is None, reason="needs `script` to stand for a terminal")
def test_verdicts_are_coloured_on_a_terminal_unless_no_color(runs: Path):
    def on_a_terminal(**environment: str) -> str:
        command = f"{sys.executable} -m pipeline status {runs}/one"
        plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        return subprocess.run(
            ["script", "-qec", command, "/dev/null"], capture_output=True, text=True, cwd=ROOT,
            env=plain | {"TERM": "xterm", **environment}, stdin=subprocess.DEVNULL,
        ).stdout  # fmt: skip

    assert "\033[31mfail\033[0m" in on_a_terminal()
    assert "\033[" not in on_a_terminal(NO_COLOR="1")


@pytest.mark.parametrize(
    "arguments", [["ls", "--runs", "{runs}"], ["ls", "--stages"], ["ls", "--builtins"], ["status", "{runs}/one"],
                  ["verify", "{runs}/one"], ["validate", "recipes/tiny.yaml"], ["plan", "recipes/tiny.yaml", "--runs", "{runs}"]],
    ids=" ".join,
)  # fmt: skip
def test_json_is_all_that_is_printed(arguments: list[str], runs: Path):
    answer = gristmill(*(argument.format(runs=runs) for argument in arguments), "--json")
    assert json.loads(answer.stdout)
