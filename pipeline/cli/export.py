"""`gristmill export`: a model as other programs open it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.errors import user_errors
from pipeline.cli.quiet import quiet_libraries


def export(
    folder: Annotated[Path, typer.Argument(help="A model's folder, for instance runs/tiny/ppo.")],
    form: Annotated[
        Literal["llama", "qwen3", "gpt2", "bloom", "mpt", "gguf"],
        typer.Option("--as", help="The architecture whose checkpoint it is to be, or one GGUF file."),
    ],
    to: Annotated[Path | None, typer.Option(help="Where to; FOLDER-FORM beside it when left out.")] = None,
) -> None:
    """Write a model as plain transformers, vLLM or llama.cpp open it, with no code of ours.

    Example: gristmill export runs/tiny/ppo --as qwen3
    """
    quiet_libraries()
    from pipeline.export import export as write

    with user_errors():
        target = to or folder.with_name(f"{folder.name}-{form}" if form != "gguf" else f"{folder.name}.gguf")
        print(write(folder, form, target))
