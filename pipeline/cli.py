"""The command `gristmill`: parse, call, print. A user's mistake is printed without traceback."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import PipelineError, Recipe, RecipeError
from pipeline.core.artifact import MANIFEST
from pipeline.core.errors import RunError
from pipeline.core.seal import damage
from pipeline.core.summary import findings, run_states, table

app = typer.Typer(
    name="gristmill",
    help="Raw text to an aligned, published language model, by one recipe file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

RecipePath = Annotated[Path, typer.Argument(help="The recipe, for instance recipes/tiny.yaml.")]
Set = Annotated[list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override one setting; may be repeated.")]
Runs = Annotated[Path, typer.Option(help="Where runs lie.")]
Name = Annotated[str | None, typer.Option(help="The run's name; the recipe's own when left out.")]
Rerun = Annotated[
    list[str], typer.Option(metavar="STAGE", help="Make a stage and what follows it again; keep the old aside.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Smoke = Annotated[bool, typer.Option("--smoke", help="Every stage at its smallest, into runs/NAME-smoke.")]

_DISK_FAULTS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT)


@contextmanager
def _user_errors() -> Iterator[None]:
    """Print a user's mistake, or the disk's, as one clear message and leave with its exit code."""
    try:
        yield
    except PipelineError as error:
        if os.environ.get("RANK", "0") == "0":
            print(error, file=sys.stderr)
        sys.stdout.flush()
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        print(
            f"{error.filename or 'the disk'}: {error.strerror}; what was sealed is valid, the same command goes on",
            file=sys.stderr,
        )
        raise typer.Exit(3) from None


@app.command()
def validate(recipe: RecipePath, set: Set = [], as_json: Json = False) -> None:
    """Check a recipe: every fault at once, each with its place.

    Example: gristmill validate recipes/tiny.yaml --set ppo.kl_coefficient=0.1
    """
    with _user_errors():
        try:
            loaded = Recipe.load(recipe, set).loaded
        except RecipeError as error:
            if as_json:
                print(
                    json.dumps({"valid": False, "problems": [asdict(problem) for problem in error.problems]}, indent=2)
                )
            raise
    if as_json:
        print(json.dumps({"valid": True, "name": loaded.name, "stages": list(loaded.stages)}, indent=2))
    else:
        print(f"{recipe}: valid, {len(loaded.stages)} stages: {', '.join(loaded.stages)}")


@app.command()
def plan(
    recipe: RecipePath,
    set: Set = [],
    runs: Runs = Path("runs"),
    name: Name = None,
    rerun: Rerun = [],
    smoke: Smoke = False,
    as_json: Json = False,
) -> None:
    """Say what a run would do with each stage, and why. Changes nothing.

    Example: gristmill plan recipes/tiny.yaml --set ppo.steps=60
    """
    with _user_errors():
        planned = list(Recipe.load(recipe, set, smoke).plan(runs=runs, name=name, rerun=rerun))
    if as_json:
        print(json.dumps([asdict(stage) | {"path": str(stage.path)} for stage in planned], indent=2))
        return
    width = max(len(stage.id) for stage in planned)
    for stage in planned:
        print(f"{stage.id:<{width}}  {stage.action:<7}  {stage.changes[0] if stage.changes else stage.why}")
        for change in stage.changes[1:]:
            print(f"{'':<{width}}  {'':<7}  {change}")


@app.command()
def run(
    recipe: RecipePath,
    set: Set = [],
    runs: Runs = Path("runs"),
    name: Name = None,
    until: Annotated[str | None, typer.Option(metavar="STAGE", help="Stop after this stage.")] = None,
    rerun: Rerun = [],
    accept: Annotated[list[str], typer.Option(metavar="STAGE", help="Let a stage pass whose check failed.")] = [],
    smoke: Smoke = False,
) -> None:
    """Run a recipe: skip what is made and unchanged, finish what was begun, make the rest.

    Examples:
      gristmill run recipes/tiny.yaml
      gristmill run recipes/tiny.yaml --name hotter --set ppo.kl_coefficient=0.02
      accelerate launch --config_file recipes/accelerate/cpu2.yaml -m pipeline run recipes/tiny.yaml
    """
    _quiet_libraries()
    with _user_errors():
        result = Recipe.load(recipe, set, smoke).run(runs=runs, name=name, until=until, rerun=rerun, accept=accept)
        if os.environ.get("RANK", "0") == "0":
            _print_states(result.folder)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="The run, for instance runs/tiny.")], as_json: Json = False
) -> None:
    """Show each stage of a run: its result, its checks, its time.

    Example: gristmill status runs/tiny
    """
    with _user_errors():
        states = run_states(folder)
    if as_json:
        print(json.dumps([_plain(state) for state in states], indent=2))
    else:
        _print_states(folder)


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A run, or one artifact.")], as_json: Json = False) -> None:
    """Hash every file of sealed artifacts again and name what changed.

    Example: gristmill verify runs/tiny
    """
    with _user_errors():
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
            print(f"{artifact}: {'; '.join(found) if found else 'as it was sealed'}")
    raise typer.Exit(3 if any(faults.values()) else 0)


def _print_states(folder: Path) -> None:
    states = run_states(folder)
    print(table(states, folder))
    for finding in findings(states):
        print(finding)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"checks": [asdict(check) for check in state["checks"]]}


def _quiet_libraries() -> None:
    """One speaker: the libraries' own bars and advice are off, unless the user asked for them."""
    for name, value in {
        "TRANSFORMERS_VERBOSITY": "error",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "true",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "PYTHONWARNINGS": "ignore",
    }.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")


def main() -> None:
    """The console command."""
    app()
