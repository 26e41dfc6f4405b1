"""`gristmill init`: copy a shipped recipe, with its comments and the schema beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.completion import shipped_names
from pipeline.cli.errors import user_errors
from pipeline.cli.schema import SCHEMA_FILE, modeline, schema_text
from pipeline.core.errors import RunError
from pipeline.core.text import hanging
from pipeline.core.yaml import suggestion
from pipeline.shipped import shipped_launches, shipped_recipes, summary


def init(
    recipe: Annotated[
        str | None, typer.Argument(help="Which one; all are listed when left out.", autocompletion=shipped_names)
    ] = None,
    to: Annotated[Path | None, typer.Option(help="The folder, or the file, to copy it to.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over another file of that name.")] = False,
) -> None:
    """Copy a shipped recipe with its comments, and the schema by which an editor completes it.

    Without a name, list what ships.

    Examples:
      gristmill init
      gristmill init tiny
      gristmill init tiny --to mine.yaml
      gristmill init accelerate/cpu2
    """
    with user_errors():
        if recipe is None:
            _list()
        else:
            _copy(recipe, to, force)


def _list() -> None:
    shipped = {**shipped_recipes(), **shipped_launches()}
    width = max(len(name) for name in shipped)
    for name, path in shipped.items():
        print(hanging(f"{name:<{width}}  ", summary(path)))
    print("\n`gristmill init NAME` copies one here.")


def _copy(wanted: str, to: Path | None, force: bool) -> None:
    name = wanted.removeprefix("recipes/").removesuffix(".yaml")
    recipes, launches = shipped_recipes(), shipped_launches()
    if name not in {**recipes, **launches}:
        hint = suggestion(name, [*recipes, *launches])
        raise RunError(f"no recipe called {wanted!r} ships with gristmill; {hint}")
    target = _target(name, to)
    if name in launches:
        _write({target: launches[name].read_text(encoding="utf-8")}, force)
        print(f"next:  accelerate launch --config_file {target} -m pipeline run RECIPE")
        return
    text = f"{modeline()}\n{_beside(recipes[name].read_text(encoding='utf-8'))}"
    _write({target: text}, force)
    _write({target.with_name(SCHEMA_FILE): schema_text()}, force=True)
    print(f"next:  gristmill run {target}")


def _target(name: str, to: Path | None) -> Path:
    if to is None:
        return Path(f"{Path(name).name}.yaml")
    return to / f"{Path(name).name}.yaml" if to.is_dir() or to.suffix not in (".yaml", ".yml") else to


def _beside(text: str) -> str:
    """The copy is beside what it speaks of: its comments no longer say `recipes/`."""
    return re.sub(r"(?m)^#.*$", lambda comment: comment[0].replace("recipes/", ""), text)


def _write(files: dict[Path, str], force: bool) -> None:
    for path, text in files.items():
        there = path.exists()
        if there and path.read_text(encoding="utf-8") == text:
            print(f"{path}: is there already, the same")
            continue
        if there and not force:
            raise RunError(f"{path}: another file is there; `--to FILE` copies elsewhere, `--force` writes over it")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"{path}: {'written over' if there else 'written'}")
