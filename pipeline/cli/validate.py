"""`gristmill validate`: every fault of a recipe at once."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from pipeline import Recipe, RecipeError
from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, RecipePath, Set
from pipeline.core.text import coloured, hanging
from pipeline.stages import KINDS
from pipeline.stages.packages import brought_stages


def validate(recipe: RecipePath, set: Set = [], as_json: Json = False) -> None:
    """Check a recipe: every fault at once, each with its place.

    Example: gristmill validate recipes/tiny.yaml --set ppo.kl_coefficient=0.1
    """
    with user_errors():
        try:
            loaded = Recipe.load(recipe, set).loaded
        except RecipeError as error:
            if as_json:
                problems = [asdict(problem) for problem in error.problems]
                print(json.dumps({"valid": False, "problems": problems}, indent=2))
            raise
        _warn_of_heavy_configs()
    if as_json:
        print(json.dumps({"valid": True, "name": loaded.name, "stages": list(loaded.stages)}, indent=2))
    else:
        print(hanging(f"{recipe}: ", f"valid, {len(loaded.stages)} stages: {', '.join(loaded.stages)}"))


def _warn_of_heavy_configs() -> None:
    for brought in brought_stages(KINDS):
        if brought.heavy:
            print(
                f"{coloured('warn', sys.stderr)}: {brought.distribution}: importing {brought.module} imports "
                f"{', '.join(brought.heavy)}; a config imports none, so that a recipe is checked within a second",
                file=sys.stderr,
            )
