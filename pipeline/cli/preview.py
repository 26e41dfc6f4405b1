"""`gristmill preview`: what a corpus's steps would do, shown on a sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from pipeline import Recipe
from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, RecipePath, Set
from pipeline.cli.quiet import quiet_libraries
from pipeline.core.artifact import read_json
from pipeline.core.errors import RunError, StageError
from pipeline.core.run import RunOptions, run_recipe
from pipeline.core.text import WIDTH, hanging, shortened
from pipeline.data.builtin import CATALOGUE

_TEXT = 160
"""Characters of an example."""
_SHOWN = ("id", "source", "text", "before", "after")
"""What an example always has; the rest says why."""


def preview(
    recipe: RecipePath,
    set: Set = [],
    documents: Annotated[int, typer.Option(min=1, help="Read so many of each source.")] = 1_000,
    as_json: Json = False,
) -> None:
    """Clean a sample of a recipe's corpus and show what each step drops and changes, with three examples of each.

    Nothing is kept and no run is touched: rules can be tried before they are written into the recipe.

    Examples:
      gristmill preview recipes/corpus-books.yaml
      gristmill preview tiny.yaml --documents 5000
      gristmill preview tiny.yaml --set 'corpus.quality=[gopher_quality, c4]'
    """
    quiet_libraries()
    with user_errors():
        found = funnels(recipe, set, documents)
        if as_json:
            print(json.dumps(found, indent=2, ensure_ascii=False))
            return
        for stage_id, funnel in found.items():
            print("\n".join(_lines(stage_id, funnel, documents)))
            if not funnel["documents"]:
                raise StageError(f"{stage_id}: no document of the sample stays")


def funnels(path: Path, overrides: list[str], documents: int) -> dict[str, Any]:
    """The funnel of each corpus of the recipe, by its stage's id, made in a folder that is then removed."""
    stages = Recipe.load(path, overrides).loaded.stages
    limits = {
        stage_id: min(documents, getattr(stage.config, "limit", None) or documents)
        for stage_id, stage in stages.items()
        if stage.stage.kind == "corpus"
    }
    if not limits:
        raise RunError(f"{path}: there is no corpus stage to preview")
    recipe = Recipe.load(path, [*overrides, *(f"{stage_id}.limit={limit}" for stage_id, limit in limits.items())])
    found = {}
    with TemporaryDirectory(prefix="gristmill-preview-") as folder:
        for stage_id in limits:
            options = RunOptions(Path(folder), "preview", stage_id)
            funnel = Path(folder, "preview", stage_id, "funnel.json")
            try:
                run_recipe(recipe.loaded, options, CATALOGUE, say=lambda line: None)
            except StageError:
                if not funnel.exists():  # one that ends with nothing is shown too
                    raise
            found[stage_id] = read_json(funnel)
    return found


def _lines(stage_id: str, funnel: Mapping[str, Any], documents: int) -> Iterator[str]:
    kept, read = funnel["documents"], funnel["documents_read"]
    yield f"{stage_id}: {kept:,} of {read:,} documents stay, of at most {documents:,} a source"
    yield ""
    yield f"{'step':<18}{'in':>10}{'out':>10}{'dropped':>10}{'changed':>10}"
    for step in funnel["steps"]:
        dropped = sum(sum(counts.values()) for counts in step["dropped"].values())
        changed = sum(step["changed"].values())
        yield f"{step['step']:<18}{step['in']:>10,}{step['out']:>10,}{dropped or '':>10}{changed or '':>10}"
    for step in funnel["steps"]:
        for reason, counts in step["dropped"].items():
            yield ""
            yield from _reason(f"{step['step']}: {reason}", counts, step["examples"].get(reason, []))
        if step["changed"]:
            yield ""
            yield from _reason(f"{step['step']}: changed", step["changed"], step["examples"].get("changed", []))


def _reason(title: str, counts: Mapping[str, int], examples: list[Mapping[str, Any]]) -> Iterator[str]:
    yield hanging(f"{title}  ", ", ".join(f"{count:,} of {source}" for source, count in counts.items()))
    for example in examples:
        yield f"    {shortened(printable(str(example['id'])), WIDTH - 4)}"
        because = ", ".join(f"{name} {value}" for name, value in example.items() if name not in _SHOWN)
        if because:
            yield f"      {shortened(printable(because), WIDTH - 6)}"
        for name in ("text", "before", "after"):
            if name in example:
                lead = "      " if name == "text" else f"      {name:<6} "
                yield hanging(lead, printable(example[name])[:_TEXT])


def printable(text: str) -> str:
    """The text on one line, without what a terminal would obey or not show."""
    return "".join(character if character.isprintable() else "\N{MIDDLE DOT}" for character in " ".join(text.split()))
