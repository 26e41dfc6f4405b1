"""Which model is meant: the last one of a run, one of its stages, any folder of `save_pretrained`, one of the Hub.

Nothing is opened here and no torch imported, so that a wrong name is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import Model, Release, is_adapter
from pipeline.core.artifact import MANIFEST, Artifact, read_json
from pipeline.core.errors import RunError
from pipeline.core.hub import hub_commit, hub_folder
from pipeline.core.reference_checks import COMMIT
from pipeline.core.yaml import suggestion

RUN_RECORD = "run.json"
COMPLETES = ("pretrain",)
"""Kinds whose models continue text. Their tokenizers have a chat template for the stages that come after."""

Outputs = Mapping[str, type[Artifact]]
"""What each kind of stage makes."""


@dataclass(frozen=True)
class Subject:
    """A model that was found."""

    name: str
    """What to call it: the stage's id, the folder's name, the address on the Hub."""
    path: Path
    run: Path | None = None
    """The run that it is a stage of."""
    completes: bool = False
    """Whether it is known to continue text only."""
    remote_code: bool = False
    """Whether code that comes with it may run."""


def find_subject(
    address: str,
    outputs: Outputs,
    *,
    stage: str | None = None,
    run: Path | None = None,
    trust_remote_code: bool = False,
) -> Subject:
    """The model at `address`; in a run its `stage`, or the last that made a model. With `run`, also a stage's id.

    Raises:
        RunError: if there is none, or it is no language model.
    """
    if address.startswith("hf://"):
        return _on_hub(address, trust_remote_code)
    if run is not None and address in read_json(run / RUN_RECORD)["order"]:
        return _of_run(run, address, outputs)
    folder = Path(address)
    if (folder / RUN_RECORD).is_file():
        return _of_run(folder, stage, outputs)
    if stage is not None:
        raise RunError(f"--stage {stage}: {folder} is no run; name the stage's folder itself")
    return _of_folder(folder, outputs)


def _on_hub(address: str, trust_remote_code: bool) -> Subject:
    repository, _, revision = address.removeprefix("hf://").partition("@")
    if trust_remote_code and not COMMIT.fullmatch(revision):
        raise RunError(
            f"{address}: --trust-remote-code runs what the repository holds, so pin it: hf://{repository}@ and the 40 "
            "digits of a commit"
        )
    path = hub_folder(repository, hub_commit(repository, "model", revision, None))
    _require_language_model(path)
    return Subject(address, path, remote_code=trust_remote_code)


def _of_run(run: Path, stage: str | None, outputs: Outputs) -> Subject:
    order = read_json(run / RUN_RECORD)["order"]
    made = {name: read_json(run / name / MANIFEST)["kind"] for name in order if (run / name / MANIFEST).is_file()}
    models = [name for name, kind in made.items() if issubclass(outputs.get(kind, Artifact), Model)]
    if stage is None and not models:
        raise RunError(f"{run}: no stage has made a Model yet; `gristmill run` goes on with it")
    name = stage or models[-1]
    if name not in order:
        raise RunError(f"{run}: there is no stage {name!r}; {suggestion(name, order)}")
    if name not in made:
        raise RunError(f"{run / name}: not finished; `gristmill run` goes on with it{_choice(models, '; there are ')}")
    return _made(run / name, made[name], outputs, run, models)


def _of_folder(folder: Path, outputs: Outputs) -> Subject:
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run or folder; give runs/NAME, a model's folder or hf://ORG/NAME")
    run = folder.parent if (folder.parent / RUN_RECORD).is_file() else None
    if run is not None and folder.name in read_json(run / RUN_RECORD)["order"]:
        return _of_run(run, folder.name, outputs)
    if (folder / MANIFEST).is_file():
        return _made(folder, read_json(folder / MANIFEST)["kind"], outputs, None, [])
    _require_language_model(folder)
    return Subject(folder.resolve().name, folder)


def _made(folder: Path, kind: str, outputs: Outputs, run: Path | None, models: list[str]) -> Subject:
    """What a stage of this kind made, if it is a model."""
    output = outputs.get(kind, Model)  # a kind that is no longer installed: the folder itself will tell
    if not issubclass(output, Model | Release):
        raise RunError(f"stage {folder.name!r} made a {output.__name__}; chat needs a Model{_choice(models, ': ')}")
    _require_language_model(folder)
    return Subject(folder.resolve().name, folder, run, completes=kind in COMPLETES)


def _choice(models: list[str], before: str) -> str:
    return f"{before}{', '.join(models)}" if models else ""


def _require_language_model(folder: Path) -> None:
    """The folder looks like one that `save_pretrained` wrote for a causal language model, or its adapter."""
    if is_adapter(folder):
        return
    for name in ("config.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise RunError(f"{folder}: holds no {name}; give the folder of a model and its tokenizer")
    config: dict[str, Any] = read_json(folder / "config.json")
    classifiers = [name for name in config.get("architectures") or [] if name.endswith("Classification")]
    if classifiers:
        raise RunError(f"{folder}: holds a {classifiers[0]}, which scores and does not speak; chat needs a Model")
