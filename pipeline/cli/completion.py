"""What a shell completes: stages of the recipe on the line, runs, recipes. Reads names alone, so that it is quick."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.errors import PipelineError
from pipeline.core.listing import RECORD
from pipeline.core.yaml import parse
from pipeline.data.builtin import CATALOGUE
from pipeline.shipped import shipped_launches, shipped_recipes


def stage_ids(incomplete: str) -> list[str]:
    """The stages of the recipe that stands on the line."""
    # The parser gives no arguments while an option waits for its value; the line itself is in the environment.
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS") or ""
    recipe = next((Path(word) for word in line.split() if word.endswith((".yaml", ".yml"))), None)
    if recipe is None or not recipe.is_file():
        return []
    try:
        stages = parse(recipe.read_text(encoding="utf-8"), str(recipe)).tree.get("stages")
    except (PipelineError, UnicodeDecodeError):
        return []  # a recipe with faults has no names to offer; running it says why
    return [stage for stage in stages or () if str(stage).startswith(incomplete)]


def recipe_files(incomplete: str) -> list[str]:
    """YAML files below what is typed, and folders to go on into."""
    return [path for path in _entries(incomplete) if path.endswith((".yaml", ".yml", "/"))]


def run_folders(incomplete: str) -> list[str]:
    """The runs in ./runs, and folders to go on into."""
    runs = sorted(str(record.parent) for record in Path("runs").glob(f"*/{RECORD}"))
    found = [run for run in runs if run.startswith(incomplete)]
    return found or [path for path in _entries(incomplete) if path.endswith("/")]


def shipped_names(incomplete: str) -> list[str]:
    """What `gristmill init` copies."""
    return [name for name in (*shipped_recipes(), *shipped_launches()) if name.startswith(incomplete)]


def data_names(incomplete: str) -> list[str]:
    """What `gristmill generate` writes."""
    return [name for family, name in CATALOGUE if family == "data" and name.startswith(incomplete)]


def _entries(incomplete: str) -> Iterator[str]:
    folder, _, start = incomplete.rpartition("/")
    lead = f"{folder}/" if "/" in incomplete else ""
    place = Path(lead or ".")
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.name.startswith(start) and (start or not path.name.startswith(".")):
            yield f"{lead}{path.name}{'/' if path.is_dir() else ''}"
