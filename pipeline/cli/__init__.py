"""The command `gristmill`: one file a verb; each parses, calls and prints."""

from __future__ import annotations

import typer

from pipeline.cli.chat import chat
from pipeline.cli.init import init
from pipeline.cli.ls import ls
from pipeline.cli.plan import plan
from pipeline.cli.push import push
from pipeline.cli.run import run
from pipeline.cli.schema import schema
from pipeline.cli.status import status
from pipeline.cli.validate import validate
from pipeline.cli.verify import verify

app = typer.Typer(
    name="gristmill",
    help="Raw text to an aligned, published language model, by one recipe file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (
    init,
    validate,
    plan,
    run,
    status,
    ls,
    verify,
    push,
    chat,
    schema,
):
    app.command()(verb)


def main() -> None:
    """The console command."""
    app()
