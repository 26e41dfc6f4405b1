"""`gristmill --help`: the verbs by what one wants, a session to begin with, and what the exit codes say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from typer.core import TyperGroup

SUMMARY = "Raw text to an aligned, published language model, by one recipe file."

SESSION = """\
A first session, in an empty folder:
  gristmill init tiny              a recipe, and the schema beside it
  gristmill validate tiny.yaml     every fault at once, with its place
  gristmill run tiny.yaml          about five minutes on one CPU
  gristmill status runs/tiny       results and checks
  gristmill run tiny.yaml --name hotter --set ppo.kl_coefficient=0.05

Exit codes: 0 done; 1 a fault of ours, with a traceback; 2 a fault in the
recipe or on the command line; 3 a stage, a run or the environment has a
fault; 130 stopped by Ctrl-C. `--json` prints what can be read by a program."""

Verb = Callable[..., None]


def help_of(verb: Verb) -> str:
    """A verb's docstring, whose examples stay as they are written: a backspace keeps them from being filled."""
    text = re.sub(r"(?m)^ *(\x08|\\b)\n", "", verb.__doc__ or "")  # a mark that a docstring brings itself
    return re.sub(r"(?m)^( *)(Examples:\n)", "\\1\b\n\\1\\2", text)


def summary_of(verb: Verb) -> str:
    """The first paragraph of a verb's docstring, on one line."""
    return " ".join((verb.__doc__ or "").split("\n\n")[0].split())


def grouped(verbs: Mapping[str, Sequence[Verb]]) -> type[TyperGroup]:
    """A group of commands whose help has the verbs under the headings of `verbs`."""

    class Grouped(TyperGroup):
        """The group; its commands keep the order of the table."""

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            """One section for each heading."""
            for heading, members in verbs.items():
                with formatter.section(heading):
                    formatter.write_dl([(verb.__name__, summary_of(verb)) for verb in members])

        def format_epilog(self, ctx: Any, formatter: Any) -> None:
            """The session and the codes, as they are written."""
            formatter.write("\n" + SESSION + "\n")

    return Grouped
