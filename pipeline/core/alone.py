"""One stage by itself: a recipe of one stage, whose folder is the one that was asked for."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.recipe import Recipe, RecipeStage
from pipeline.core.reference_checks import BuiltinCatalogue
from pipeline.core.run import RunOptions, StageResult, run_recipe
from pipeline.core.stage import Processes, Runtime, Stage, StageConfig


def run_alone(
    stage: Stage,
    config: StageConfig,
    out: Path,
    seed: int,
    runtime: Runtime,
    catalogue: BuiltinCatalogue,
    processes: Processes,
    rerun: bool = False,
) -> StageResult:
    """Run `stage` into `out`; with `rerun` whatever lies there is moved aside first."""
    only = RecipeStage(out.name, stage, config, seed)
    recipe = Recipe(out.name, seed, runtime, {out.name: only}, Path.cwd() / f"{out.name}.yaml", {})
    options = RunOptions(runs=out.parent.parent, name=out.parent.name, rerun=[out.name] if rerun else [])
    run = run_recipe(recipe, options, catalogue, processes)
    return run.results.get(out.name) or StageResult(out.name, out, "run")
