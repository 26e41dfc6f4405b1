"""A recipe's faults are all found, each with its place and the way on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import RecipeError
from pipeline.core.recipe import Recipe, load_recipe
from tests.unit.core.toy import CATALOGUE, RECIPE, TABLE


def load(folder: Path, text: str, *overrides: str, smoke: bool = False) -> Recipe:
    path = folder / "loaf.yaml"
    path.write_text(text)
    return load_recipe(path, table=TABLE, catalogue=CATALOGUE, overrides=overrides, smoke=smoke)


def faults(folder: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load(folder, text, *overrides)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_valid_recipe_loads(tmp_path: Path):
    recipe = load(tmp_path, RECIPE)
    assert list(recipe.stages) == ["sow", "mill", "bake"]
    assert recipe.stages["sow"].seed == 5
    assert recipe.stages["mill"].config.stones.gap == 0.25  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("grains: 4", "grain: 4"), "loaf.yaml:5:9: stages.sow.grain: unknown key; did you mean 'grains'?"),
        (("gap: 0.25", "gapp: 1"), "loaf.yaml:8:14: stages.mill.stones.gapp: unknown key; did you mean 'gap'?"),
        (("grains: 4", "grains: four"), "loaf.yaml:5:9: stages.sow.grains: 'four' is not a count; write a whole number, or 700k, 3M, 2B"),
        (("gap: 0.25", "gap: wide"), 'loaf.yaml:8:14: stages.mill.stones.gap: must be a number, but is "wide"'),
        (("gap: 0.25", "gap: -1"), "loaf.yaml:8:14: stages.mill.stones.gap: must be greater than 0.0, but is -1"),
        (("gap: 0.25", "turns: 1.5"), "loaf.yaml:8:14: stages.mill.stones.turns: must be a whole number, but is 1.5"),
        (("grain: sow", "grain: sew"), "loaf.yaml:7:5: stages.mill.grain: there is no stage 'sew'; did you mean 'sow'?"),
        (("grain: sow", "grain: bake"), "loaf.yaml:7:5: stages.mill.grain: stage 'bake' comes later; a stage takes what earlier ones made; move it up"),
        (("grain: sow", "grain: ./nowhere"), "stages.mill.grain: './nowhere': there is no such file or folder"),
        (("grain: sow", "grain: [sow]"), "stages.mill.grain"),
        (("  mill:", "  mull:"), "loaf.yaml:6:3: stages.mull: there is no kind of stage 'mull'; did you mean 'mill'?"),
        (("seed: 5", "seed: -5"), "loaf.yaml:3:1: seed: -5 is not a whole number"),
        (("seed: 5", "seeds: 5"), "loaf.yaml:3:1: seeds: unknown key; did you mean 'seed'?"),
        (("recipe: 1", "recipe: 2"), "loaf.yaml:1:1: recipe: is 2; this version reads `recipe: 1`"),
        (("name: loaf", "name: ../loaf"), "loaf.yaml:2:1: name: '../loaf' is no name for a folder"),
        (("{grains: 4}", "{grains: 4, grains: 5}"), 'loaf.yaml:5:20: found duplicate key "grains"'),
        (("    grain: sow", "\tgrain: sow"), "loaf.yaml:7:1: a tab indents this line"),
        (("{grains: 4}", "{grains: 4"), "not YAML"),
        (("{grains: 4}", "{grains: 4, field_data: builtin:meadov}"), "there is no builtin data 'meadov'; did you mean 'meadow'?"),
        (("{grains: 4}", "{field_data: {path: builtin:meadow, split: tset}}"), "builtin:meadow has no split 'tset'; did you mean 'test'?"),
        (("{grains: 4}", "{field_data: hf://datasets/a/b}"), "cannot stand here"),
        (("{grains: 4}", "{kind: mill}"), "the id 'sow' is a kind"),
        (("{grains: 4}", "{checks: maybe}"), "'maybe' is not one of stop, warn"),
        (("{grains: 4}", "{talk: no}"), 'must be true or false, but is "no"'),
        (("{grains: 4}", "{grains: .inf}"), "not a finite number"),
        (("{grains: 4}", "7"), "a stage is a mapping of settings, not 7"),
        (("{data: sow}", "{weight: 2}"), "loaf.yaml:10:42: stages.bake.mixture.1.data: is required"),
    ],
)  # fmt: skip
def test_each_fault_has_its_place(tmp_path: Path, change: tuple[str, str], expected: str):
    found = faults(tmp_path, RECIPE.replace(*change))
    assert any(expected in fault for fault in found), found


def test_all_faults_are_shown_at_once(tmp_path: Path):
    text = RECIPE.replace("grains: 4", "grain: 4").replace("gap: 0.25", "gap: -1").replace("data: mill", "data: mil")
    assert len(faults(tmp_path, text)) == 3


def test_a_wrong_type_of_artifact_is_named(tmp_path: Path):
    text = RECIPE + "  again: {kind: mill, grain: bake}\n"
    assert "needs a Grain, but stage 'bake' makes a Bread" in faults(tmp_path, text)[0]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("mill.stones.gap=fast", '--set mill.stones.gap=fast: stages.mill.stones.gap: must be a number, but is "fast"'),
        ("mil.stones.gap=1", "--set mil.stones.gap=1: there is no stage 'mil'; did you mean 'mill'?"),
        ("mill.stones.gap", "--set mill.stones.gap: write it as KEY.KEY=VALUE"),
        ("sow.grain=4", "--set sow.grain=4: stages.sow.grain: unknown key; did you mean 'grains'?"),
        ("bake.mixture.7.weight=1", "--set bake.mixture.7.weight=1: stages.bake.mixture is a list of 2"),
    ],
)
def test_overrides_name_themselves(tmp_path: Path, override: str, expected: str):
    assert any(expected in fault for fault in faults(tmp_path, RECIPE, override))


def test_overrides_are_laid_over_the_file(tmp_path: Path):
    recipe = load(tmp_path, RECIPE, "sow.grains=2k", "seed=9", "bake.mixture.0.weight=3")
    assert recipe.stages["sow"].config.grains == 2000  # type: ignore[attr-defined]
    assert recipe.seed == 9
    assert recipe.stages["bake"].config.mixture[0].weight == 3  # type: ignore[attr-defined]


def test_smoke_lays_the_smallest_settings_over_the_recipe(tmp_path: Path):
    assert load(tmp_path, RECIPE, smoke=True).stages["sow"].config.grains == 1  # type: ignore[attr-defined]


def test_yaml_is_1_2(tmp_path: Path):
    recipe = load(tmp_path, RECIPE.replace("gap: 0.25", "gap: 1e-4").replace("{grains: 4}", "{kind_of_grain: no}"))
    assert recipe.stages["mill"].config.stones.gap == 1e-4  # type: ignore[attr-defined]
    assert recipe.stages["sow"].config.kind_of_grain == "no"  # type: ignore[attr-defined]
