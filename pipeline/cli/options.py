"""The options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.completion import recipe_files, run_folders, stage_ids

RecipePath = Annotated[
    Path, typer.Argument(help="The recipe, for instance recipes/tiny.yaml.", autocompletion=recipe_files)
]
RunFolder = Annotated[Path, typer.Argument(help="The run, for instance runs/tiny.", autocompletion=run_folders)]
Set = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override one setting; may be repeated.")]
Runs = Annotated[Path, typer.Option(help="Where runs lie.")]
Name = Annotated[str | None, typer.Option(help="The run's name; the recipe's own when left out.")]
Until = Annotated[str | None, typer.Option(metavar="STAGE", autocompletion=stage_ids, help="Stop after this stage.")]
Rerun = Annotated[
    list[str],
    typer.Option(
        metavar="STAGE", autocompletion=stage_ids, help="Make a stage and what follows it again; keep the old aside."
    ),
]
Accept = Annotated[
    list[str],
    typer.Option(metavar="STAGE", autocompletion=stage_ids, help="Let a stage pass whose check failed."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="Every stage at its smallest, into runs/NAME-smoke.")]
