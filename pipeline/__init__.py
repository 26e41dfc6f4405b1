"""Gristmill: raw text to an aligned, published language model, by one recipe file.

>>> from pipeline import Recipe
>>> recipe = Recipe.load("recipes/tiny.yaml", set=["ppo.kl_coefficient=0.1"])
>>> recipe.plan()["ppo"].action
>>> run = recipe.run(until="ppo")

Importing this package imports no torch; a stage imports what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import DataError, PipelineError, Problem, RecipeError, RunError, StageError
from pipeline.core.estimates import Estimate
from pipeline.core.plan import Plan
from pipeline.core.recipe import Recipe as LoadedRecipe
from pipeline.core.recipe import load_recipe
from pipeline.core.run import RunOptions, estimate_recipe, plan_recipe, run_recipe
from pipeline.core.stage import Stage
from pipeline.core.walk import Run, Say
from pipeline.data.builtin import CATALOGUE
from pipeline.stages import stage_table
from pipeline.stages.relations import related_faults

__version__ = "0.1.0"
__all__ = [
    "DataError",
    "PipelineError",
    "Plan",
    "Problem",
    "Recipe",
    "RecipeError",
    "Run",
    "RunError",
    "StageError",
    "stage",
]


def stage(kind: str) -> Stage:
    """The kind of stage called `kind`: its config type, output type and functions."""
    return stage_table()[kind]


@dataclass(frozen=True)
class Recipe:
    """A valid recipe, ready to be planned and run."""

    loaded: LoadedRecipe

    @classmethod
    def load(cls, path: str | Path, set: Iterable[str] = (), smoke: bool = False) -> Recipe:
        """Read and check a recipe, with overrides such as `ppo.kl_coefficient=0.1`.

        Raises:
            RecipeError: its `problems` are all the faults found, each with file, line, column, path, message and hint.
        """
        return cls(
            load_recipe(
                Path(path),
                table=stage_table(),
                catalogue=CATALOGUE,
                overrides=set,
                smoke=smoke,
                relations=related_faults,
            )
        )

    def plan(
        self, *, runs: str | Path = "runs", name: str | None = None, until: str | None = None, rerun: Sequence[str] = ()
    ) -> Plan:
        """What `run` would do with each stage, and why."""
        return plan_recipe(self.loaded, RunOptions(Path(runs), name, until, rerun), CATALOGUE)

    def estimates(
        self, plan: Plan, *, runs: str | Path = "runs", name: str | None = None, probe: bool = False
    ) -> dict[str, Estimate]:
        """What each stage of `plan` would take: parameters, tokens, FLOPs, memory, disk, time.

        With `probe`, inputs that are made are opened and counted, and training is tried for two seconds a stage.
        """
        from pipeline.training.memory import machine

        options = RunOptions(Path(runs), name)
        return estimate_recipe(self.loaded, options, CATALOGUE, plan, machine(), probe)

    def run(
        self,
        *,
        runs: str | Path = "runs",
        name: str | None = None,
        until: str | None = None,
        rerun: Sequence[str] = (),
        accept: Sequence[str] = (),
        say: Say | None = None,
    ) -> Run:
        """Use what is made and unchanged, make the rest.

        Raises:
            PipelineError: a stage failed, or a folder differs from what the recipe asks for.
        """
        from pipeline.launch import join_processes
        from pipeline.report.writing import reported

        options = RunOptions(Path(runs), name, until, rerun, accept)
        processes = join_processes()
        with reported(options.folder(self.loaded), processes.is_main, say):
            return run_recipe(self.loaded, options, CATALOGUE, processes, say)
