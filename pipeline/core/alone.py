"""One stage by itself: a recipe of one stage, made in the folder that was asked for."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.recipe import Recipe, RecipeStage
from pipeline.core.reference_checks import BuiltinCatalogue
from pipeline.core.run import run_alone
from pipeline.core.stage import Processes, Runtime, Stage, StageConfig
from pipeline.core.text import say
from pipeline.core.walk import StageResult


def run_stage(
    stage: Stage,
    config: StageConfig,
    out: Path,
    seed: int,
    runtime: Runtime,
    catalogue: BuiltinCatalogue,
    processes: Processes,
    rerun: bool = False,
) -> StageResult:
    """Run `stage` into the folder `out`; with `rerun` what lies there is moved aside first.

    Raises:
        PipelineError: for inputs that do not exist, or an `out` that was made otherwise.
    """
    out = out.absolute()
    only = RecipeStage(out.name, stage, config, seed)
    recipe = Recipe(out.name, seed, runtime, {out.name: only}, Path.cwd() / f"{out.name}.yaml", {})
    return run_alone(recipe, out.parent, catalogue, processes, say, rerun)
