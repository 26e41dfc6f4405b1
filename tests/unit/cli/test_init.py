"""`gristmill init`: what is copied, where to, and that nothing of the user's is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline import Recipe
from pipeline.cli import app
from pipeline.shipped import shipped_launches, shipped_recipes, summary


def gristmill(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_list_has_one_sentence_for_all_that_ships():
    listed = gristmill("init").stdout
    for name, path in {**shipped_recipes(), **shipped_launches()}.items():
        assert name in listed
        assert " ".join(listed.split()).count(" ".join(summary(path).split())) == 1


def test_a_recipe_is_copied_with_its_comments_and_the_schema():
    assert gristmill("init", "tiny").exit_code == 0
    copied = Path("tiny.yaml").read_text()
    assert copied.splitlines()[0] == "# yaml-language-server: $schema=gristmill.schema.json"
    assert Recipe.load("tiny.yaml").loaded.tree == Recipe.load(shipped_recipes()["tiny"]).loaded.tree
    assert copied.count("#") == shipped_recipes()["tiny"].read_text().count("#") + 1
    assert json.loads(Path("gristmill.schema.json").read_text())["title"] == "Gristmill recipe"


def test_the_commands_in_a_copy_name_files_that_init_gives():
    gristmill("init", "tiny")
    assert "gristmill run tiny.yaml" in Path("tiny.yaml").read_text()
    assert "recipes/" not in Path("tiny.yaml").read_text()


def test_another_file_of_that_name_stays_until_forced():
    Path("tiny.yaml").write_text("mine")
    refused = gristmill("init", "tiny")
    assert refused.exit_code == 3 and "--force" in refused.stderr
    assert Path("tiny.yaml").read_text() == "mine"
    assert not Path("gristmill.schema.json").exists()
    assert gristmill("init", "tiny", "--force").exit_code == 0
    assert Path("tiny.yaml").read_text() != "mine"


def test_the_same_copy_twice_changes_nothing():
    gristmill("init", "tiny")
    before = Path("tiny.yaml").stat().st_mtime_ns
    assert gristmill("init", "tiny").exit_code == 0
    assert Path("tiny.yaml").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("to", "copy"), [("sub", "sub/tiny.yaml"), ("mine.yaml", "mine.yaml"), ("a/b/mine.yml", "a/b/mine.yml")]
)
def test_to_names_a_folder_or_a_file(to: str, copy: str):
    assert gristmill("init", "recipes/tiny.yaml", "--to", to).exit_code == 0
    assert Path(copy).exists()
    assert Path(copy).with_name("gristmill.schema.json").exists()


def test_a_launch_config_is_copied_as_it_is():
    assert gristmill("init", "accelerate/cpu2").exit_code == 0
    assert Path("cpu2.yaml").read_text() == shipped_launches()["accelerate/cpu2"].read_text()


def test_an_unknown_recipe_names_the_nearest():
    refused = gristmill("init", "tinny")
    assert refused.exit_code == 3
    assert "did you mean 'tiny'?" in refused.stderr
