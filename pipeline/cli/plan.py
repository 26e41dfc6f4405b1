"""`gristmill plan`: what a run would do, why, and what it would take."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline import Recipe, RunError
from pipeline.cli.completion import stage_ids
from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, Name, RecipePath, Rerun, Runs, Set, Smoke
from pipeline.cli.plan_table import page, remarks, table, warnings
from pipeline.core.estimates import totals
from pipeline.core.plan import Plan
from pipeline.core.yaml import suggestion
from pipeline.training.memory import machine

StageId = Annotated[str | None, typer.Argument(metavar="STAGE", autocompletion=stage_ids, help="Show this one alone.")]
Probe = Annotated[bool, typer.Option("--probe", help="Count what is made, and train for two seconds a stage.")]


def plan(
    recipe: RecipePath,
    stage: StageId = None,
    set: Set = [],
    runs: Runs = Path("runs"),
    name: Name = None,
    rerun: Rerun = [],
    smoke: Smoke = False,
    probe: Probe = False,
    as_json: Json = False,
) -> None:
    """Say what a run would do with each stage, why, and what it would take. Changes nothing.

    Figures with ~ are about, with ≤ at most, others exact; ? is not known yet. Memory is that of the tensors of one
    process at their highest, beside which Python and its libraries take about half a gigabyte. Times are those of
    earlier runs in --runs, by the pace of the same kind of stage on the same device; --probe measures training instead.

    Examples:
      gristmill plan recipes/tiny.yaml --set ppo.steps=60
      gristmill plan recipes/tiny.yaml pretrain --probe
    """
    with user_errors():
        loaded = Recipe.load(recipe, set, smoke)
        planned = loaded.plan(runs=runs, name=name, rerun=rerun)
        if stage is not None:
            _demand(stage, planned, recipe)
        estimates = loaded.estimates(planned, runs=runs, name=name, probe=probe)
    if as_json:
        chosen = [one for one in planned if stage in (None, one.id)]
        rows = [asdict(one) | {"path": str(one.path), **estimates[one.id].record()} for one in chosen]
        print(json.dumps(rows, indent=2))
    elif stage is not None:
        print(page(planned[stage], estimates[stage]))
    else:
        sums, stages = totals(planned, estimates), list(planned)
        print(table(stages, estimates, sums))
        for line in (*remarks(stages, estimates, sums), *warnings(stages, estimates, sums, machine(), runs)):
            print(line)


def _demand(stage: str, planned: Plan, recipe: Path) -> None:
    ids = [one.id for one in planned]
    if stage not in ids:
        raise RunError(f"there is no stage {stage!r} in {recipe}; {suggestion(stage, ids)}")
