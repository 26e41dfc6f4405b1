"""`gristmill report`: one HTML page on a run."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, RunFolder


def report(
    folder: RunFolder,
    out: Annotated[Path | None, typer.Option(help="Where to write it; RUN/report.html when left out.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    against: Annotated[
        list[Path], typer.Option(metavar="RUN", help="Draw this run's policies beside; may be repeated.")
    ] = [],
    as_json: Json = False,
) -> None:
    """Write one HTML page on a run, which opens offline, and print its path.

    It says what happened and which stage is at fault if one is, with curves, checks, samples, settings and lineage.
    Policies that were measured alike, of this run and of those that it is put against, are compared at equal KL.
    `--json` prints what the page says instead of writing it. `gristmill run` writes the page at its end.

    Examples:
      gristmill report runs/tiny --open
      gristmill report runs/tiny --out tiny.html
      gristmill report runs/tiny-dpo --against runs/tiny
    """
    from pipeline.report.writing import plain_view, write_report

    with user_errors():
        if as_json:
            print(json.dumps(plain_view(folder, against), indent=2, ensure_ascii=False))
            return
        path = write_report(folder, out, against)
    print(path)
    if open_it:
        webbrowser.open(path.resolve().as_uri())
