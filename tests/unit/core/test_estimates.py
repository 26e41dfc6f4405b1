from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.estimates import Estimate, EstimateContext, Figure, Machine, estimate_plan, totals
from pipeline.core.past import comparable, past_stages, seconds_by_pace
from pipeline.core.plan import make_plan
from pipeline.core.recipe import load_recipe
from pipeline.core.resolve import Digests, Resolver
from pipeline.core.stage import Inputs
from pipeline.core.walk import Walk, walk_plan
from tests.unit.core import toy

ROOT = Path(__file__).parents[3]
MACHINE = Machine("cpu", 10**9)


def estimate_sow(config: toy.SowConfig, inputs: Inputs, context: EstimateContext) -> Estimate:
    grains = Figure(config.grains)
    return Estimate(
        tokens=grains * 2.5, pace={"grains": grains}, recorded={"steps": "grains"}, makes={"grains": grains}
    )


def estimate_mill(config: toy.MillConfig, inputs: Inputs, context: EstimateContext) -> Estimate:
    return Estimate(disk_bytes=context.foreseen(inputs.grain)["grains"] * 10, unknown={"flops": "after sow"})


TABLE = {
    **toy.TABLE,
    "sow": replace(toy.TABLE["sow"], estimate=f"{__name__}:estimate_sow"),
    "mill": replace(toy.TABLE["mill"], estimate=f"{__name__}:estimate_mill"),
}


def estimates(tmp_path: Path, text: str = toy.RECIPE, name: str = "loaf", rerun: tuple[str, ...] = ()):
    path = tmp_path / "loaf.yaml"
    path.write_text(text)
    recipe = load_recipe(path, table=TABLE, catalogue=toy.CATALOGUE)
    resolver = Resolver(toy.CATALOGUE, tmp_path, Digests(None))
    plan = make_plan(recipe, tmp_path / "runs" / name, resolver, rerun)
    return recipe, resolver, plan, estimate_plan(recipe, plan, resolver, tmp_path / "runs", MACHINE)


def make(tmp_path: Path) -> None:
    from pipeline.core.stage import SingleProcess

    recipe, resolver, plan, _ = estimates(tmp_path)
    folder = tmp_path / "runs/loaf"
    folder.mkdir(parents=True)
    walk_plan(Walk(recipe, resolver, SingleProcess(), lambda line: None), plan, folder)


def test_a_product_is_no_surer_than_its_factors():
    exact, about, most = Figure(2), Figure(3, "~"), Figure(5, "<=")
    assert exact * 2 == Figure(4)
    assert exact * most == Figure(10, "<=")
    assert about * most == Figure(15, "~")


def test_stages_know_what_the_ones_before_them_foresee(tmp_path: Path):
    *_, found = estimates(tmp_path)
    assert found["mill"].disk_bytes == Figure(40)


def test_a_stage_without_an_estimate_has_no_figures_but_takes_its_place(tmp_path: Path):
    *_, found = estimates(tmp_path)
    record = found["bake"].record()
    assert record["tokens"] is None and record["seconds"] is None
    assert list(record["unknown"]) == ["seconds"]


def test_what_is_unknown_is_said_not_guessed(tmp_path: Path):
    *_, found = estimates(tmp_path)
    assert found["mill"].record()["unknown"]["flops"] == "after sow"
    assert found["mill"].record()["flops"] is None


def test_time_follows_the_pace_of_earlier_runs(tmp_path: Path):
    make(tmp_path)
    manifest = tmp_path / "runs/loaf/sow/manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"seconds": 8.0}))
    *_, found = estimates(tmp_path, toy.RECIPE.replace("grains: 4", "grains: 6"), name="larger")
    assert found["sow"].seconds == Figure(12.0, "~")
    assert found["sow"].seconds_from == "at the pace of loaf/sow, by grains"


def test_a_made_stage_speaks_by_its_manifest_and_takes_no_more_time(tmp_path: Path):
    make(tmp_path)
    _, _, plan, found = estimates(tmp_path)
    assert found["sow"].steps == Figure(4)  # the metric that `recorded` names
    assert found["sow"].seconds_from == "as recorded"
    assert totals(plan, found).seconds == 0
    _, _, again, found = estimates(tmp_path, rerun=("sow",))
    assert totals(again, found).disk_bytes == 40


@pytest.mark.parametrize("change", [{"resumed": True}, {"world_size": 2}, {"runtime": {"device": "NVIDIA H100"}}])
def test_stages_that_ran_otherwise_tell_no_time(tmp_path: Path, change: dict[str, object]):
    make(tmp_path)
    manifest = tmp_path / "runs/loaf/sow/manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    past = past_stages(tmp_path / "runs")["sow"]
    assert len(past) == 1
    assert comparable(past, "cpu", 1, "auto") == []
    assert seconds_by_pace([], {"grains": 4.0}) is None


def test_a_damaged_manifest_of_another_run_does_not_stop_a_plan(tmp_path: Path):
    other = tmp_path / "runs/other/sow"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text("{cut")
    *_, found = estimates(tmp_path)
    assert found["sow"].seconds is None


def test_a_plan_with_its_figures_loads_no_torch():
    code = (
        "from pipeline import Recipe; import sys\n"
        "recipe = Recipe.load('recipes/tiny.yaml'); found = recipe.estimates(recipe.plan(runs='/nowhere'), runs='/nowhere')\n"
        "assert found['ppo'].memory_bytes\n"
        "heavy = {'torch', 'transformers', 'datasets', 'accelerate', 'trl'} & {name.split('.')[0] for name in sys.modules}\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
