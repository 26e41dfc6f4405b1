"""The command `gristmill`: one file a verb; each parses, calls and prints."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.cli.chat import chat
from pipeline.cli.doctor import doctor
from pipeline.cli.export import export
from pipeline.cli.generate import generate
from pipeline.cli.help import SUMMARY, grouped, help_of
from pipeline.cli.init import init
from pipeline.cli.ls import ls
from pipeline.cli.plan import plan
from pipeline.cli.preview import preview
from pipeline.cli.push import push
from pipeline.cli.report import report
from pipeline.cli.run import run
from pipeline.cli.schema import schema
from pipeline.cli.status import status
from pipeline.cli.validate import validate
from pipeline.cli.verify import verify

VERBS = {
    "Begin": (init, doctor, schema),
    "Make": (validate, preview, plan, run, generate),
    "Look": (status, report, ls, verify, chat),
    "Take home": (push, export),
}
"""The verbs, by what one wants."""

app = typer.Typer(
    name="gristmill",
    cls=grouped(VERBS),
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in VERBS.values():
    for verb in group:
        app.command(help=help_of(verb))(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"gristmill {__version__}")
        raise typer.Exit


@app.callback(help=SUMMARY)
def gristmill(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before a verb."""


def main() -> None:
    """The console command."""
    # Read when torch starts: threads that wait for each other sleep, so that they leave the cores to whoever works.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    app()
