"""`gristmill push`: a sealed artifact to the Hub."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.errors import user_errors
from pipeline.cli.options import Json
from pipeline.cli.quiet import quiet_libraries
from pipeline.core.artifact import MANIFEST, Artifact, read_json
from pipeline.core.errors import Problem, RecipeError, RunError, StageError
from pipeline.core.seal import damage, read_checks
from pipeline.core.text import say
from pipeline.stages import stage_table

if TYPE_CHECKING:
    from pipeline.hub.push import Pushed
    from pipeline.hub.target import HubTarget
    from pipeline.stages.publish.outgoing import Outgoing

Folder = Annotated[Path, typer.Argument(help="A run (what it published), or one stage of it, such as runs/tiny/ppo.")]
Repository = Annotated[str, typer.Argument(help="The repository, org/name; it is made if it does not exist.")]
Private = Annotated[bool, typer.Option("--private", help="Make it private.")]
Tag = Annotated[str | None, typer.Option(help="A tag for the commit, set last.")]
Message = Annotated[str | None, typer.Option(help="The commit's message.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be pushed; ask the Hub nothing.")]
AcceptAll = Annotated[bool, typer.Option("--accept", help="Push although a check of the stage failed.")]


def push(
    folder: Folder,
    repo: Repository,
    private: Private = False,
    tag: Tag = None,
    message: Message = None,
    dry_run: DryRun = False,
    accept: AcceptAll = False,
    as_json: Json = False,
) -> None:
    r"""Push a model, reward model, tokenizer or data set to the Hub, with a card.

    All in one commit, which is compared with the files here; then the tag. The
    same command again changes nothing, and after a cut it goes on.

    \b
    Examples:
      gristmill push runs/tiny alice/tiny --tag v1
      gristmill push runs/tiny/corpus alice/valley --private
    """
    _quiet()
    with user_errors():
        target = _target(repo, private, tag)
        artifact = find_artifact(folder)
        _demand_good(artifact, accept)
        from pipeline.stages.publish.outgoing import outgoing

        found = outgoing(artifact, target)
        if dry_run:
            _print_plan(found, target, as_json)
        else:
            _push(found, target, message, as_json)
        if found.card_fault:
            raise StageError(f"{artifact.path}: its card could not be made ({found.card_fault}); the rest is as asked")


def _push(found: Outgoing, target: HubTarget, message: str | None, as_json: bool) -> None:
    from pipeline.hub.push import push as push_contents

    _print_pushed(push_contents(found.contents, target, found.kind, message or found.message, say), as_json)


def _quiet() -> None:
    """Retries are told by us; an upload's bars are for whoever looks at a terminal."""
    if sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    quiet_libraries()


def _target(repo: str, private: bool, tag: str | None) -> HubTarget:
    from pydantic import ValidationError

    from pipeline.hub.target import HubTarget

    try:
        return HubTarget(repo=repo, private=private, tag=tag)
    except ValidationError as error:
        problems = [
            Problem(
                "REPO" if detail["loc"][0] == "repo" else f"--{detail['loc'][0]}",
                "",
                detail["msg"].removeprefix("Value error, "),
            )
            for detail in error.errors()
        ]
        raise RecipeError(problems) from None


def find_artifact(folder: Path) -> Artifact:
    """The sealed artifact in `folder`, or what the run in it published.

    Raises:
        RunError: when there is neither.
    """
    if (folder / "run.json").exists() and not (folder / MANIFEST).exists():
        return _artifact(_published(folder))
    if not (folder / MANIFEST).exists():
        raise RunError(
            f"{folder}: there is no finished stage here; push a run or a stage of one. `hf upload` takes any folder"
        )
    return _artifact(folder)


def _published(run: Path) -> Path:
    for stage_id in reversed(read_json(run / "run.json")["order"]):
        manifest = run / stage_id / MANIFEST
        if manifest.exists() and read_json(manifest)["kind"] == "publish":
            return run / stage_id
    raise RunError(f"{run}: no publish stage of it is finished; name the stage to push, such as {run}/STAGE")


def _artifact(folder: Path) -> Artifact:
    manifest = read_json(folder / MANIFEST)
    stage = stage_table().get(manifest["kind"])
    if stage is None:
        raise RunError(f"{folder}: made by a stage of kind {manifest['kind']!r}, which is not installed here")
    return stage.output(folder, manifest["fingerprint"], manifest["id"])


def _demand_good(artifact: Artifact, accept: bool) -> None:
    faults = damage(artifact.path)
    if faults:
        raise RunError(f"{artifact.path}: not pushed, it is not as it was sealed: {'; '.join(faults)}")
    failed = [check for check in read_checks(artifact.path) if check.verdict == "fail"]
    if failed and not accept:
        raise RunError(
            f"{artifact.path}: not pushed: {failed[0].name} is {failed[0].figure}, expected {failed[0].expected}; "
            "`--accept` pushes it all the same"
        )


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _print_plan(found: Outgoing, target: HubTarget, as_json: bool) -> None:
    files = {name: _size(content) for name, content in sorted(found.contents.items())}
    if as_json:
        print(json.dumps({"repo": target.repo, "kind": found.kind, "tag": target.tag, "files": files}, indent=2))
        return
    print(f"{target.repo} ({found.kind}): {len(files)} files, {shown_bytes(sum(files.values()))}; nothing is pushed")
    for name, size in files.items():
        print(f"  {shown_bytes(size):>9}  {name}")


def _print_pushed(pushed: Pushed, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print(json.dumps(asdict(pushed), indent=2))
        return
    what = f"{pushed.files} files, {shown_bytes(pushed.size)}" if pushed.changed else "nothing had changed"
    tag = f", tag {pushed.tag}" if pushed.tag else ""
    print(f"{pushed.repo} ({pushed.kind}): {what}, commit {pushed.commit[:8]}{tag}")
    print(pushed.url)


def shown_bytes(size: int) -> str:
    """A size in few letters: `512 B`, `1.8 MB`."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
