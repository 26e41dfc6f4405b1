"""A model's adapter as a repository of its own: the base that it names, its files, who opens it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pipeline.artifacts import ADAPTER_CONFIG, is_adapter
from pipeline.core.artifact import Artifact, read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.hub import hub_commit, hub_folder
from pipeline.models.loading import load_tokenizer
from pipeline.models.merging import WEIGHTS
from pipeline.stages.publish.subject import Base, count_parameters

FOLDER = "adapter"
"""Where an artifact keeps it."""


def write_adapter(model: Artifact, folder: Path) -> tuple[Base, int]:
    """Write a model's adapter into `folder` as peft reads it, with the tokenizer; its base and how many weights it has.

    Raises:
        StageError: if the model has none; if its base is not on the Hub, where others could open it, or cannot be had.
    """
    source = model.path if is_adapter(model.path) else model.path / FOLDER
    if not (source / WEIGHTS).is_file():
        raise StageError(
            f"publish.weights: {model.address!r} has no adapter: no `lora` was set where it was trained; leave weights "
            "out, and the whole model is published"
        )
    settings = read_json(source / ADAPTER_CONFIG)
    base = base_of(model, settings["base_model_name_or_path"], settings["revision"])
    hub_folder(base.name, base.revision)  # the quick start opens it
    shutil.copyfile(source / WEIGHTS, folder / WEIGHTS)
    named = {"base_model_name_or_path": base.name, "revision": base.revision, "inference_mode": True}
    write_json(folder / ADAPTER_CONFIG, dict(settings) | named)
    load_tokenizer(model.path).save_pretrained(folder)
    return base, count_parameters(folder)


def base_of(model: Artifact, name: str, revision: str | None) -> Base:
    """The base as its repository and the commit that the model was trained on.

    Raises:
        StageError: as `write_adapter`.
    """
    if "/" not in name or Path(name).is_absolute():
        raise StageError(
            f"publish.weights: the adapter of {model.address!r} was trained on {name!r}, which lies on this machine: "
            f"nobody else could open it. Publish {name!r} to the Hub and train on its hf:// address, or leave weights "
            "out, and the whole model is published"
        )
    trained_on = re.search(
        rf"hf:(?:models/)?{re.escape(name)}@([0-9a-f]{{40}})", str(model.manifest.get("identity", ""))
    )
    return Base(name, trained_on[1] if trained_on else hub_commit(name, "model", revision or "", None))
