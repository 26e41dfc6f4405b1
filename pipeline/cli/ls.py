"""`gristmill ls`: the runs that there are; the kinds of stages and the builtins that recipes may name."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json, Runs
from pipeline.core.kinds import describe
from pipeline.core.listing import ListedRun, runs_in
from pipeline.core.quantities import format_bytes
from pipeline.core.text import WIDTH, hanging, shortened
from pipeline.data.builtin import CATALOGUE
from pipeline.stages import stage_table


def ls(
    runs: Runs = Path("runs"),
    stages: Annotated[bool, typer.Option("--stages", help="The kinds of stages instead.")] = False,
    builtins: Annotated[bool, typer.Option("--builtins", help="What `builtin:` may name instead.")] = False,
    as_json: Json = False,
) -> None:
    """List the runs: how far each is, when it last moved, what it takes on disk.

    Examples:
      gristmill ls
      gristmill ls --stages
      gristmill ls --builtins
    """
    with user_errors():
        if stages:
            _list_stages(as_json)
        elif builtins:
            _list_builtins(as_json)
        else:
            _list_runs(runs, as_json)


def _list_runs(folder: Path, as_json: bool) -> None:
    found = runs_in(folder)
    if as_json:
        print(json.dumps([asdict(run) for run in found], indent=2))
        return
    if not found:
        print(f"no runs in {folder}; `gristmill run RECIPE` makes one")
        return
    rows = [("run", "recipe", "stages", "state", "changed", "size"), *(_row(run) for run in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    # What is longer than its share gives way: a name in the middle of 80 columns is shortened at its end.
    spare = WIDTH - sum(widths) - 2 * (len(widths) - 1)
    for column in (3, 1, 0):
        cut = min(max(0, -spare), max(0, widths[column] - 12))
        widths[column], spare = widths[column] - cut, spare + cut
    for name, recipe, made, state, changed, size in rows:
        left = [shortened(text, width).ljust(width) for text, width in zip((name, recipe), widths, strict=False)]
        print("  ".join([*left, made.rjust(widths[2]), shortened(state, widths[3]).ljust(widths[3]),
                         changed.ljust(widths[4]), size.rjust(widths[5])]))  # fmt: skip


def _row(run: ListedRun) -> tuple[str, str, str, str, str, str]:
    changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed))
    return (
        run.name,
        Path(run.recipe).name,
        f"{run.made}/{run.stages}",
        run.state,
        changed,
        format_bytes(run.bytes),
    )


def _list_stages(as_json: bool) -> None:
    kinds = describe(stage_table())
    if as_json:
        print(json.dumps([asdict(kind) for kind in kinds], indent=2))
        return
    width = max(len(kind.kind) for kind in kinds) + 2
    for kind in kinds:
        origin = f" (from {kind.package})" if kind.package else ""
        print(hanging(f"{kind.kind:<{width}}", f"{', '.join(kind.reads)} -> {kind.makes}{origin}"))
        print(hanging(" " * width, kind.summary))


def _list_builtins(as_json: bool) -> None:
    if as_json:
        plain = [{"name": entry.name, "family": entry.family, "summary": entry.summary, "splits": entry.splits}
                 for entry in CATALOGUE.values()]  # fmt: skip
        print(json.dumps(plain, indent=2))
        return
    width = max(len(name) for _, name in CATALOGUE)
    for entry in CATALOGUE.values():
        splits = f" ({', '.join(entry.splits)})" if entry.splits else ""
        print(hanging(f"builtin:{entry.name:<{width}}  {entry.family:<5}  ", entry.summary + splits))
