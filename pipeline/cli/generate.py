"""`gristmill generate`: any amount of the generated data, for people who test their own pipelines with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.completion import data_names
from pipeline.cli.errors import user_errors
from pipeline.core.progress import Progress
from pipeline.core.quantities import format_bytes, parse_count
from pipeline.data.generating import Wish
from pipeline.data.generating import generate as write


def _count(text: str) -> int:
    try:
        count = parse_count(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if count < 1:
        raise typer.BadParameter("at least 1")
    return count


def generate(
    name: Annotated[str, typer.Argument(help="Which data, for instance valley-faults.", autocompletion=data_names)],
    to: Annotated[Path | None, typer.Option(help="The folder to write to; NAME here when left out.")] = None,
    documents: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", parser=_count, help="Rows of the split, or of the first; also 700k, 3M."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="One split alone; all when left out.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Other rows of the same world.")] = 0,
    world_seed: Annotated[int, typer.Option(min=0, help="Another world, with other facts.")] = 0,
) -> None:
    """Write generated data to a folder, as JSON lines with their labels.

    `load_dataset(FOLDER)` opens it; README.md there says what is in it.

    Examples:
      gristmill generate valley --documents 100k
      gristmill generate valley-faults --to faults --seed 7
      gristmill generate valley-tasks --split test
    """
    with user_errors():
        wish = Wish(name.removeprefix("builtin:"), split, documents, seed, world_seed)
        folder = to or Path(wish.name)
        for written in write(wish, folder, Progress(wish.name)):
            print(f"{folder}/{written.split}-*.jsonl: {written.rows:,} rows, {format_bytes(written.bytes)}")
