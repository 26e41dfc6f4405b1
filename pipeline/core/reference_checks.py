"""Check every reference of a recipe before anything runs: it exists, is earlier, and of a type the input takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from pipeline.core.errors import Problem
from pipeline.core.references import Accepts, DataReference, Reference, scheme_of
from pipeline.core.stage import Stage, StageConfig
from pipeline.core.yaml import Document, suggestion
from pipeline.core.yaml import Path as KeyPath

COMMIT = re.compile(r"[0-9a-f]{40}")


class BuiltinEntry(Protocol):
    """What the core needs to know of something that ships with the package."""

    @property
    def version(self) -> int | str:
        """Part of the fingerprint of whatever is made from it."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of a data set; empty for others."""
        ...


BuiltinCatalogue = Mapping[tuple[str, str], BuiltinEntry]
"""Builtins by (family, name)."""


class StageLike(Protocol):
    """A stage of a recipe, as far as references go."""

    @property
    def stage(self) -> Stage:
        """Its kind."""
        ...

    @property
    def config(self) -> StageConfig:
        """Its settings."""
        ...


def references_of(config: BaseModel) -> Iterator[tuple[KeyPath, Reference, Accepts]]:
    """Every reference in `config`, with its path and what the input takes."""
    for name, field in type(config).model_fields.items():
        metadata = [entry for entry in field.metadata if isinstance(entry, Accepts)]
        yield from _walk(getattr(config, name), (name,), metadata[0] if metadata else _nested(field.annotation))


def _nested(annotation: Any) -> Accepts | None:
    """The `Accepts` inside a container's annotation, for instance `tuple[ModelInput, ...]` or `ModelInput | None`."""
    for entry in getattr(annotation, "__metadata__", ()):
        if isinstance(entry, Accepts):
            return entry
    for argument in getattr(annotation, "__args__", ()):
        found = _nested(argument)
        if found:
            return found
    return None


def _walk(value: Any, path: KeyPath, accepts: Accepts | None) -> Iterator[tuple[KeyPath, Reference, Accepts]]:
    if isinstance(value, Reference):
        assert accepts is not None, f"the field {path} takes a reference but does not say which: annotate it"
        yield path, value, accepts
    elif isinstance(value, BaseModel):
        for inner_path, reference, inner in references_of(value):
            yield (*path, *inner_path), reference, inner
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index), accepts)


def reference_problems(
    document: Document, stages: Mapping[str, StageLike], folder: Path, catalogue: BuiltinCatalogue
) -> list[Problem]:
    """All faulty references of a recipe whose relative paths are relative to `folder`."""
    order = list(document.tree["stages"])
    problems: list[Problem] = []
    for stage_id, stage in stages.items():
        earlier = order[: order.index(stage_id)]
        for path, reference, accepts in references_of(stage.config):
            message, hint = _fault(reference, accepts, stages, earlier, order, folder, catalogue)
            if message:
                problems.append(document.problem(("stages", stage_id, *path), message, hint))
    return problems


def _fault(
    reference: Reference, accepts: Accepts, stages: Mapping[str, StageLike], earlier: list[str], order: list[str],
    folder: Path, catalogue: BuiltinCatalogue,
) -> tuple[str, str]:  # fmt: skip
    address = reference.path
    try:
        scheme = scheme_of(address)
    except ValueError as error:
        return str(error), ""
    if scheme == "stage" and address not in earlier:
        return _missing_stage(address, earlier, order)
    if scheme == "stage" and address in stages:
        output = stages[address].stage.output
        if not issubclass(output, accepts.types or ()):
            return f"needs a {accepts.describe()}, but stage {address!r} makes a {output.__name__}", ""
    if scheme not in accepts.schemes:
        return f"{address!r} cannot stand here; needs {accepts.describe()}", ""
    if scheme != "hf" and isinstance(reference, DataReference) and reference.trust_remote_code:
        return "trust_remote_code stands only beside an hf:// address", ""
    if scheme == "path" and not resolve_path(address, folder).exists():
        return f"{address!r}: there is no such file or folder", f"put it at {resolve_path(address, folder)}"
    if scheme == "builtin":
        return _builtin_fault(reference, accepts, catalogue)
    return _hub_fault(reference) if scheme == "hf" else ("", "")


def _missing_stage(address: str, earlier: list[str], order: list[str]) -> tuple[str, str]:
    if address in order:
        return f"stage {address!r} comes later; a stage takes what earlier ones made", "move it up"
    hint = suggestion(address, earlier)
    return f"there is no stage {address!r}", hint or f"for a file or folder write './{address}'"


def _builtin_fault(reference: Reference, accepts: Accepts, catalogue: BuiltinCatalogue) -> tuple[str, str]:
    name = reference.path.removeprefix("builtin:")
    entry = catalogue.get((accepts.builtins or "", name))
    if entry is None:
        known = [key[1] for key in catalogue if key[0] == accepts.builtins]
        return f"there is no builtin {accepts.builtins} {name!r}", suggestion(name, known)
    split = getattr(reference, "split", None)
    if split is not None and split not in entry.splits:
        return f"builtin:{name} has no split {split!r}", suggestion(split, entry.splits)
    return "", ""


def _hub_fault(reference: Reference) -> tuple[str, str]:
    _, _, revision = reference.path.partition("@")
    if isinstance(reference, DataReference) and reference.trust_remote_code and not COMMIT.fullmatch(revision):
        return (
            "trust_remote_code needs a pinned revision",
            "write hf://datasets/org/name@ and the 40 digits of a commit",
        )
    return "", ""


def resolve_path(address: str, folder: Path) -> Path:
    """A path as the recipe means it: relative to the recipe's folder."""
    path = Path(address).expanduser()
    return path if path.is_absolute() else (folder / path)
