"""`gristmill run`: walk through a recipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline import Recipe
from pipeline.cli.errors import speaks, user_errors
from pipeline.cli.options import Accept, Name, RecipePath, Rerun, Runs, Set, Smoke, Until
from pipeline.cli.status import print_states


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
    """Run a recipe: skip what is made and unchanged, finish what was begun, make the rest.

    Examples:
      gristmill run recipes/tiny.yaml
      gristmill run recipes/tiny.yaml --name hotter --set ppo.kl_coefficient=0.02
      accelerate launch --config_file recipes/accelerate/cpu2.yaml -m pipeline run recipes/tiny.yaml
    """
    _quiet_libraries()
    with user_errors():
        result = Recipe.load(recipe, set, smoke).run(runs=runs, name=name, until=until, rerun=rerun, accept=accept)
        if speaks():
            print_states(result.folder)


def _quiet_libraries() -> None:
    """One speaker: the libraries' own bars and advice are off, unless the user asked for them."""
    for name, value in {
        "TRANSFORMERS_VERBOSITY": "error",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "true",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "PYTHONWARNINGS": "ignore",
    }.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")
