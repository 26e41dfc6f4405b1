"""`gristmill plan`: what a run would do, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pipeline import Recipe
from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, Name, RecipePath, Rerun, Runs, Set, Smoke


def plan(
    recipe: RecipePath,
    set: Set = [],
    runs: Runs = Path("runs"),
    name: Name = None,
    rerun: Rerun = [],
    smoke: Smoke = False,
    as_json: Json = False,
) -> None:
    """Say what a run would do with each stage, and why. Changes nothing.

    Example: gristmill plan recipes/tiny.yaml --set ppo.steps=60
    """
    with user_errors():
        planned = list(Recipe.load(recipe, set, smoke).plan(runs=runs, name=name, rerun=rerun))
    if as_json:
        print(json.dumps([asdict(stage) | {"path": str(stage.path)} for stage in planned], indent=2))
        return
    width = max(len(stage.id) for stage in planned)
    for stage in planned:
        print(f"{stage.id:<{width}}  {stage.action:<7}  {stage.changes[0] if stage.changes else stage.why}")
        for change in stage.changes[1:]:
            print(f"{'':<{width}}  {'':<7}  {change}")
