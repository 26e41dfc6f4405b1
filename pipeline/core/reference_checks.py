"""Check every reference of a recipe before anything runs: it exists, is earlier, and of a type the input takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from pipeline.core.errors import DataError, Problem
from pipeline.core.folders import files_below, split_pattern
from pipeline.core.functions import function_fault
from pipeline.core.references import Accepts, DataReference, Reference, scheme_of
from pipeline.core.remote import protocol_fault
from pipeline.core.stage import Stage, StageConfig
from pipeline.core.yaml import Document, suggestion
from pipeline.core.yaml import Path as KeyPath

COMMIT = re.compile(r"[0-9a-f]{40}")
REPOSITORY = re.compile(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9_][\w.-]*")
LONGEST_ADDRESS = 1000
REVISION = re.compile(r"[\w][\w./-]*")


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
    if len(address) > LONGEST_ADDRESS:
        return f"{address[:40] + '...'!r}: {len(address):,} characters are too long for an address", ""
    try:
        scheme = scheme_of(address)
    except ValueError:
        return _no_address(address, accepts, folder)
    if scheme not in accepts.schemes:
        hint = f"for a file or folder write './{address}'" if scheme == "stage" and "path" in accepts.schemes else ""
        if (accepts.builtins or "", address) in catalogue:
            hint = f"did you mean 'builtin:{address}'?"
        return f"{address!r} cannot stand here; needs {accepts.describe()}: {accepts.forms()}", hint
    if scheme == "stage":
        return _stage_fault(address, accepts, stages, earlier, order)
    if scheme != "hf" and getattr(reference, "name", None) is not None:
        return "`name` is the configuration of a data set on the Hub; it stands only beside an hf:// address", ""
    if scheme == "url":
        return protocol_fault(address), ""
    if scheme == "path":
        return _path_fault(reference, accepts, folder)
    if scheme == "builtin":
        return _builtin_fault(reference, accepts, catalogue)
    return _hub_fault(reference) if scheme == "hf" else (function_fault(address, folder), "")


def _no_address(address: str, accepts: Accepts, folder: Path) -> tuple[str, str]:
    hint = f"did you mean './{address}'?" if address and os.path.exists(resolve_path(address, folder)) else ""
    return f"{address!r} is no address; write {accepts.forms()}", hint


def _stage_fault(
    address: str, accepts: Accepts, stages: Mapping[str, StageLike], earlier: list[str], order: list[str]
) -> tuple[str, str]:
    if address not in earlier:
        return _missing_stage(
            address, [name for name in earlier if name not in stages or _fits(stages[name], accepts)], order
        )
    if address in stages and not _fits(stages[address], accepts):
        return (
            f"needs a {accepts.describe()}, but stage {address!r} makes a {stages[address].stage.output.__name__}",
            "",
        )
    return "", ""


def _fits(stage: StageLike, accepts: Accepts) -> bool:
    return issubclass(stage.stage.output, accepts.types or ())


def _missing_stage(address: str, fitting: list[str], order: list[str]) -> tuple[str, str]:
    if address in order:
        return f"stage {address!r} comes later; a stage takes what earlier ones made", "move it up"
    hint = suggestion(address, fitting)
    return f"there is no stage {address!r}", hint or f"for a file or folder write './{address}'"


def _path_fault(reference: Reference, accepts: Accepts, folder: Path) -> tuple[str, str]:
    address, path = reference.path, resolve_path(reference.path, folder)
    if isinstance(reference, DataReference) and split_pattern(path)[1] is not None:
        return _pattern_fault(address, path)
    if not os.path.exists(path):  # false for whatever the system refuses: names too long, loops of links
        return f"{address!r}: there is no such file or folder", f"put it at {path}"
    if isinstance(reference, DataReference):
        if not (path.is_file() or path.is_dir()):
            return f"{address!r} is neither a file nor a folder", ""
        if path.is_file() and reference.split not in (None, "train"):
            return (
                f"a single file has no split {reference.split!r}; name a folder with {reference.split}.jsonl in it",
                "",
            )
        return "", ""
    wanted = accepts.types[0]
    if not path.is_dir():
        return f"needs the folder of a {accepts.describe()}; {address!r} is a file", ""
    if not any(next(path.glob(name), None) for name in wanted.holds.split(" or ")):
        return f"needs the folder of a {accepts.describe()}; {address!r} holds no {wanted.holds}", ""
    return "", ""


def _pattern_fault(address: str, path: Path) -> tuple[str, str]:
    base, pattern = split_pattern(path)
    if not base.is_dir():
        return f"{address!r}: there is no folder {base}", ""
    try:
        files = [file for file in files_below(base, pattern) if file.is_file()]
    except DataError as error:
        return str(error), ""
    return ("", "") if files else (f"{address!r}: no file has such a name", "** stands for any folders, * for any name")


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
    """Only the form: whether the repository exists is the Hub's to say."""
    address, at, revision = reference.path.removeprefix("hf://").partition("@")
    is_data = isinstance(reference, DataReference)
    form = "hf://datasets/org/name" if is_data else "hf://org/name"
    repository = address.removeprefix("datasets/" if is_data else "models/")
    if is_data != address.startswith("datasets/") or not REPOSITORY.fullmatch(repository):
        return f"{reference.path!r} is no {'data set' if is_data else 'model'} on the Hub; write '{form}'", ""
    if at and not REVISION.fullmatch(revision):
        return f"{reference.path!r}: {revision!r} is no revision; write a branch, a tag or a commit after the @", ""
    return "", ""


def resolve_path(address: str, folder: Path) -> Path:
    """A path as the recipe means it: relative to the recipe's folder."""
    path = Path(os.path.expanduser(address))
    return path if path.is_absolute() else (folder / path)
