"""A walk uses what is unchanged, makes the rest, and stops at what differs; nothing sealed is ever lost."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import stat
from pathlib import Path

import pytest

from pipeline.core.artifact import write_json
from pipeline.core.errors import RunError, StageError
from pipeline.core.lock import locked
from pipeline.core.recipe import load_recipe
from pipeline.core.run import RunOptions, plan_recipe, run_recipe
from pipeline.core.seal import damage
from pipeline.core.summary import run_states
from pipeline.core.walk import Run
from tests.unit.core import toy


def walk(folder: Path, text: str = toy.RECIPE, *overrides: str, smoke: bool = False, **options: object) -> Run:
    toy.CALLS.clear()
    path = folder / "loaf.yaml"
    path.write_text(text)
    recipe = load_recipe(path, table=toy.TABLE, catalogue=toy.CATALOGUE, overrides=overrides, smoke=smoke)
    return run_recipe(recipe, RunOptions(folder / "runs", **options), toy.CATALOGUE, say=lambda line: None)  # type: ignore[arg-type]


def actions(folder: Path, *overrides: str, **options: object) -> dict[str, str]:
    recipe = load_recipe(folder / "loaf.yaml", table=toy.TABLE, catalogue=toy.CATALOGUE, overrides=overrides)
    plan = plan_recipe(recipe, RunOptions(folder / "runs", **options), toy.CATALOGUE)  # type: ignore[arg-type]
    return {stage.id: stage.action for stage in plan}


def test_a_run_makes_every_stage_and_then_skips_them(tmp_path: Path):
    run = walk(tmp_path)
    assert toy.CALLS == ["sow", "mill", "bake"]
    assert (run["bake"].path / "bread.txt").read_text() == "mill sow"
    assert run["sow"].metrics == {"grains": 4}
    walk(tmp_path)
    assert toy.CALLS == []


def test_a_changed_setting_stops_the_run_and_names_the_field(tmp_path: Path):
    walk(tmp_path)
    with pytest.raises(RunError, match=r"grains was 4, now 6[\s\S]*--rerun sow[\s\S]*mill, bake[\s\S]*--name NEW"):
        walk(tmp_path, toy.RECIPE, "sow.grains=6")
    assert toy.CALLS == []
    assert (tmp_path / "runs/loaf/sow/grain.txt").read_text().count("grain") == 4


def test_rerun_makes_the_stage_and_what_follows_and_keeps_the_old_aside(tmp_path: Path):
    walk(tmp_path)
    walk(tmp_path, toy.RECIPE, "mill.stones.turns=9", rerun=["mill"])
    assert toy.CALLS == ["mill", "bake"]
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "runs/loaf/.old").iterdir()) == ["bake", "mill"]


def test_another_name_leaves_the_first_run_alone(tmp_path: Path):
    walk(tmp_path)
    walk(tmp_path, toy.RECIPE, "sow.grains=6", name="other")
    assert actions(tmp_path) == {"sow": "skip", "mill": "skip", "bake": "skip"}


def test_what_is_not_identity_and_what_equals_a_default_changes_nothing(tmp_path: Path):
    walk(tmp_path)
    assert set(actions(tmp_path, "sow.talk=true", "mill.stones.turns=2").values()) == {"skip"}


def test_the_seed_counts_only_where_a_stage_is_seeded(tmp_path: Path):
    walk(tmp_path)
    assert actions(tmp_path, "seed=6")["sow"] == "differs"
    assert actions(tmp_path, "mill.seed=6") == {"sow": "skip", "mill": "skip", "bake": "skip"}


def test_until_stops_after_a_stage(tmp_path: Path):
    walk(tmp_path, until="mill")
    assert toy.CALLS == ["sow", "mill"]
    assert actions(tmp_path)["bake"] == "run"


def test_an_unknown_stage_in_an_option_is_named(tmp_path: Path):
    with pytest.raises(RunError, match=r"there is no stage 'mil'.*did you mean 'mill'"):
        walk(tmp_path, until="mil")


def test_a_failed_stage_leaves_the_sealed_ones_valid(tmp_path: Path):
    text = toy.RECIPE + "  weeds: {kind: sow, kind_of_grain: weeds}\n"
    with pytest.raises(StageError, match="weeds"):
        walk(tmp_path, text)
    assert damage(tmp_path / "runs/loaf/bake") == []
    assert actions(tmp_path) == {"sow": "skip", "mill": "skip", "bake": "skip", "weeds": "resume"}


WEEDS = toy.RECIPE + "  weeds: {kind: sow, kind_of_grain: weeds}\n"


def test_a_setting_changed_after_a_kill_differs(tmp_path: Path):
    with pytest.raises(StageError):
        walk(tmp_path, WEEDS)
    (tmp_path / "runs/loaf/weeds/.work/checkpoints/checkpoint-4").mkdir(parents=True)
    with pytest.raises(
        RunError, match=r"weeds was begun, and not finished, otherwise .*\n  grains was its default, now 9"
    ):
        walk(tmp_path, WEEDS, "weeds.grains=9")


def test_a_setting_mended_before_any_checkpoint_starts_the_stage_anew(tmp_path: Path):
    with pytest.raises(StageError):
        walk(tmp_path, WEEDS)
    run = walk(tmp_path, WEEDS, "weeds.kind_of_grain=oats")
    assert run["weeds"].action == "run"
    assert len(list((tmp_path / "runs/loaf/.old").glob("weeds-*"))) == 1


def test_a_failed_check_stops_the_consumers_until_accepted(tmp_path: Path):
    with pytest.raises(RunError, match=r"'sow' is at fault, so 'mill' does not start.*grains is 200.*sow less"):
        walk(tmp_path, toy.RECIPE, "sow.grains=200")
    assert toy.CALLS == ["sow"]
    walk(tmp_path, toy.RECIPE, "sow.grains=200", accept=["sow"])
    assert toy.CALLS == ["mill", "bake"]


def test_checks_warn_lets_it_pass(tmp_path: Path):
    walk(tmp_path, toy.RECIPE, "sow.grains=200", "sow.checks=warn")
    assert toy.CALLS == ["sow", "mill", "bake"]


def test_in_a_smoke_run_no_check_fails(tmp_path: Path):
    walk(tmp_path, toy.RECIPE, smoke=True)
    folder = tmp_path / "runs/loaf-smoke"
    failed = [{"name": "grains", "figure": 1, "expected": "more", "verdict": "fail", "advice": "sow more"}]
    write_json(folder / "sow/checks.json", failed)
    shutil.rmtree(folder / "mill")
    walk(tmp_path, toy.RECIPE, smoke=True)
    assert toy.CALLS == ["mill"]
    assert [state["checks"][0].verdict for state in run_states(folder)] == ["warn", "pass", "pass"]


def test_a_sealed_artifact_without_checks_is_only_checked(tmp_path: Path):
    walk(tmp_path)
    (tmp_path / "runs/loaf/sow/checks.json").unlink()
    assert actions(tmp_path)["sow"] == "check"
    run = walk(tmp_path)
    assert toy.CALLS == []
    assert [check.name for check in run["sow"].checks] == ["grains"]


def test_two_runs_do_not_share_a_folder(tmp_path: Path):
    with (
        locked(tmp_path / "runs/loaf"),
        pytest.raises(RunError, match=r"another run is in this folder \(process \d+\)"),
    ):
        walk(tmp_path)


def test_sealed_files_are_read_only_and_verified(tmp_path: Path):
    run = walk(tmp_path)
    file = run["sow"].path / "grain.txt"
    assert not file.stat().st_mode & stat.S_IWUSR
    file.chmod(0o644)
    file.write_text("chaff")
    assert damage(run["sow"].path) == ["grain.txt: changed since it was sealed"]
    file.unlink()
    assert damage(run["sow"].path) == ["grain.txt: missing"]


def test_a_changed_input_file_is_noticed(tmp_path: Path):
    data = tmp_path / "seeds.txt"
    data.write_text("one")
    walk(tmp_path, toy.RECIPE, "sow.field_data=./seeds.txt")
    data.write_text("two!")
    plan = actions(tmp_path, "sow.field_data=./seeds.txt")
    assert plan["sow"] == "differs"


def _killed_walk(folder: Path, text: str) -> None:
    walk(folder, text)


def test_kill_9_in_a_stage_frees_the_lock_and_the_run_goes_on(tmp_path: Path):
    text = toy.RECIPE.replace("{grains: 4}", "{grains: 4, kind_of_grain: killer}")
    process = multiprocessing.get_context("spawn").Process(target=_killed_walk, args=(tmp_path, text))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert actions(tmp_path)["sow"] == "resume"
    with locked(tmp_path / "runs/loaf"):
        pass


def test_the_manifest_says_where_an_artifact_comes_from(tmp_path: Path):
    run = walk(tmp_path)
    manifest = run["mill"].manifest
    assert manifest["inputs"]["grain"]["fingerprint"] == run["sow"].manifest["fingerprint"]
    assert manifest["settings"]["stones"] == {"gap": 0.25, "turns": 2}
    assert json.loads((run.folder / "run.json").read_text())["order"] == ["sow", "mill", "bake"]
