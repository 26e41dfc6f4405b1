"""A faulty recipe is answered by one located line for each fault, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline import Recipe, RecipeError
from pipeline.cli import app
from tests.contracts.bad_input.fault import Fault, assert_answered, names
from tests.contracts.bad_input.recipes import BASE, FILES, TABLES

ROWS = [row for table in TABLES.values() for row in table]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "loop").symlink_to("loop")
    return folder


def test_the_recipe_that_is_broken_below_is_good(folder: Path):
    (folder / "bad.yaml").write_text(BASE)
    Recipe.load(folder / "bad.yaml")


@pytest.mark.parametrize("row", ROWS, ids=names)
def test_each_fault_is_one_located_line(folder: Path, row: Fault):
    content, overrides = row.how
    (folder / "bad.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RecipeError) as caught:
        Recipe.load(folder / "bad.yaml", set=overrides)
    assert caught.value.exit_code == 2
    assert_answered(str(caught.value), row, folder)


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("nowhere.yaml", "nowhere.yaml: there is no such recipe"),
        ("folder", "folder: a recipe is a file; this is a folder"),
        ("bad.yaml/x.yaml", "bad.yaml/x.yaml: cannot be read: Not a directory"),
        ("loop", "loop: cannot be read: Too many levels of symbolic links"),
        ("x" * 300, "x" * 300 + ": cannot be read: File name too long"),
    ],
)
def test_a_recipe_that_cannot_be_read_is_named(folder: Path, address: str, answer: str):
    (folder / "bad.yaml").write_text(BASE)
    with pytest.raises(RecipeError) as caught:
        Recipe.load(folder / address)
    assert str(caught.value) == f"{folder}/{answer}"


def test_a_bad_first_row_is_no_fault_of_a_recipe_that_drops_bad_rows(folder: Path):
    (folder / "first.jsonl").write_text('{"text": \n{"text": "rye"}\n')
    (folder / "bad.yaml").write_text(BASE.replace('"builtin:valley", documents: 400', "./first.jsonl"))
    with pytest.raises(RecipeError, match=r"first\.jsonl:1: no JSON at column 9"):
        Recipe.load(folder / "bad.yaml")
    Recipe.load(folder / "bad.yaml", set=["corpus.on_bad_row=drop"])


def test_a_thousand_faults_are_forty_lines_and_their_number(folder: Path):
    items = ", ".join("a" for _ in range(1000))
    (folder / "bad.yaml").write_text(BASE.replace('{data: "builtin:valley", documents: 400}', items))
    with pytest.raises(RecipeError) as caught:
        Recipe.load(folder / "bad.yaml")
    assert len(caught.value.problems) == 1000
    assert len(str(caught.value).splitlines()) == 41
    assert str(caught.value).endswith("\nand 960 more")


@pytest.mark.parametrize("row", [table[0] for table in TABLES.values()], ids=names)
def test_the_command_says_the_same_and_leaves_with_2(folder: Path, row: Fault):
    content, overrides = row.how
    (folder / "bad.yaml").write_text(content)
    arguments = [argument for override in overrides for argument in ("--set", override)]
    for verb in ("validate", "plan", "run"):
        answered = CliRunner().invoke(app, [verb, str(folder / "bad.yaml"), *arguments])
        assert answered.exit_code == 2
        assert answered.stdout == ""
        assert_answered(answered.stderr, row, folder)
