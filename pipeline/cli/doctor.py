"""`gristmill doctor`: can this machine and this installation run a recipe?"""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json
from pipeline.core.text import coloured, hanging
from pipeline.doctor import examine


def doctor(as_json: Json = False) -> None:
    """Look at this machine and this installation, and say what stands in the way of a run.

    A line each: ok, warn, or fail with the way on. With a fail the exit code is 3.

    Example: gristmill doctor
    """
    with user_errors():
        findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            lead = f"{finding.verdict:<4}  {finding.name:<{width}}  "
            text = hanging(lead, finding.found + (f"; {finding.advice}" if finding.advice else ""))
            print(coloured(finding.verdict) + text.removeprefix(finding.verdict))
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(3)
