"""`gristmill schema`: the JSON Schema of recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.errors import user_errors
from pipeline.core.schema import recipe_schema
from pipeline.data.builtin import CATALOGUE
from pipeline.stages import stage_table

SCHEMA_FILE = "gristmill.schema.json"


def schema(
    out: Annotated[Path | None, typer.Option(help="Write it to this file; to the screen when left out.")] = None,
) -> None:
    """Write the JSON Schema of recipes, by which an editor completes and checks them.

    Example: gristmill schema --out gristmill.schema.json
    """
    with user_errors():
        text = schema_text()
        if out is not None:
            out.write_text(text, encoding="utf-8")
            print(f"{out}: the JSON Schema of recipes; their first line names it:\n  {modeline(out.name)}")
            return
    print(text, end="")


def schema_text() -> str:
    """The schema of the stages and builtins that this installation has, as a file's text."""
    return json.dumps(recipe_schema(stage_table(), CATALOGUE), indent=2, ensure_ascii=False) + "\n"


def modeline(schema_file: str = SCHEMA_FILE) -> str:
    """The first line of a recipe, which tells an editor's YAML language server where the schema lies."""
    return f"# yaml-language-server: $schema={schema_file}"
