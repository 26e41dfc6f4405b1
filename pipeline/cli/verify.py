"""`gristmill verify`: hash sealed artifacts again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.completion import run_folders
from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json
from pipeline.core.artifact import MANIFEST
from pipeline.core.errors import RunError
from pipeline.core.seal import damage
from pipeline.core.text import coloured, hanging


def verify(
    folder: Annotated[Path, typer.Argument(help="A run, or one artifact.", autocompletion=run_folders)],
    as_json: Json = False,
) -> None:
    """Hash every file of sealed artifacts again and name what changed.

    Example: gristmill verify runs/tiny
    """
    with user_errors():
        artifacts = (
            [folder] if (folder / MANIFEST).exists() else sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
        )
        if not artifacts:
            raise RunError(f"{folder}: there is no sealed artifact here")
        faults = {str(artifact): damage(artifact) for artifact in artifacts}
    if as_json:
        print(json.dumps(faults, indent=2))
    else:
        for artifact, found in faults.items():
            print(f"{artifact}: {'as it was sealed' if not found else coloured('fail')}")
            for fault in found:
                print(hanging("  ", fault))
    raise typer.Exit(3 if any(faults.values()) else 0)
