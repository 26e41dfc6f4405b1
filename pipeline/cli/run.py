"""`gristmill run`: walk through a recipe."""

from __future__ import annotations

from pathlib import Path

from pipeline import Recipe
from pipeline.cli.errors import speaks, user_errors
from pipeline.cli.options import Accept, Name, RecipePath, Rerun, Runs, Set, Smoke, Until
from pipeline.cli.quiet import quiet_libraries
from pipeline.cli.status import print_closing


def run(
    recipe: RecipePath,
    set: Set = [],
    runs: Runs = Path("runs"),
    name: Name = None,
    until: Until = None,
    rerun: Rerun = [],
    accept: Accept = [],
    smoke: Smoke = False,
) -> None:
    r"""Run a recipe: skip what is made and unchanged, finish what was begun, make the rest.

    Examples:
      gristmill run recipes/tiny.yaml
      gristmill run recipes/tiny.yaml --name hotter --set ppo.kl_coefficient=0.02
      accelerate launch --config_file recipes/accelerate/cpu2.yaml \
        -m pipeline run recipes/tiny.yaml
    """
    quiet_libraries()
    with user_errors():
        result = Recipe.load(recipe, set, smoke).run(runs=runs, name=name, until=until, rerun=rerun, accept=accept)
        if speaks():
            print_closing(result.folder)
