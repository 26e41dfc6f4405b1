"""What a run would do, stage by stage, and why. Reads the run's folder and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from pipeline.core.artifact import CHECKPOINTS, CHECKS, IDENTITY, MANIFEST, WORK, Artifact, read_json
from pipeline.core.fingerprint import differences, fingerprint_of, identity_of
from pipeline.core.recipe import Recipe, RecipeStage
from pipeline.core.reference_checks import references_of
from pipeline.core.resolve import Resolver
from pipeline.core.stage import Inputs

Action = Literal["skip", "check", "reuse", "run", "resume", "differs"]


@dataclass(frozen=True)
class PlannedStage:
    """What would happen to one stage."""

    id: str
    action: Action
    why: str
    fingerprint: str
    identity: Mapping[str, Any]
    path: Path
    changes: tuple[str, ...] = ()
    """Which settings and inputs differ from those that the folder was made with."""
    source: str = ""
    """The artifact of a sibling run that is taken over, where the action is `reuse`."""


@dataclass(frozen=True)
class Plan:
    """The stages of a recipe in order, with what would happen to each."""

    stages: tuple[PlannedStage, ...] = field(default_factory=tuple)

    def __getitem__(self, stage_id: str) -> PlannedStage:
        """One stage by its id."""
        return next(stage for stage in self.stages if stage.id == stage_id)

    def __iter__(self) -> Iterator[PlannedStage]:
        """The stages in the recipe's order."""
        return iter(self.stages)


class Siblings(Protocol):
    """What lies beside a run."""

    def find(self, fingerprint: str) -> Path | None:
        """A sealed artifact of this fingerprint in another run."""
        ...


def make_plan(
    recipe: Recipe,
    folder: Path,
    resolver: Resolver,
    rerun: Iterable[str] = (),
    siblings: Siblings | None = None,
) -> Plan:
    """Compare what the recipe asks for with what lies in the run's `folder`, and with what `siblings` have made.

    A stage in `rerun`, and what consumes it, is made again whatever is there.
    """
    again = dependents(recipe, rerun)
    planned: list[PlannedStage] = []
    artifacts: dict[str, Artifact] = {}
    for stage in recipe.stages.values():
        resolver.stages = artifacts
        identity = identity_of(stage.stage, stage.config, resolver.inputs(stage.config), stage.seed)
        fingerprint = fingerprint_of(identity)
        path = folder / stage.id
        artifacts[stage.id] = stage.stage.output(path, fingerprint, stage.id)
        if stage.id in again:
            action, why, changes = "run", f"asked for by --rerun {again[stage.id]}", ()
        else:
            action, why, changes = _compare(path, identity, fingerprint)
        source = siblings.find(fingerprint) if siblings and action == "run" and stage.id not in again else None
        if source:
            action, why = "reuse", f"made in {source}"
        planned.append(
            PlannedStage(stage.id, action, why, fingerprint, identity, path, changes, str(source) if source else "")
        )
    resolver.digests.save()
    return Plan(tuple(planned))


def _compare(path: Path, identity: Mapping[str, Any], fingerprint: str) -> tuple[Action, str, tuple[str, ...]]:
    if (path / MANIFEST).exists():
        manifest = read_json(path / MANIFEST)
        if manifest["fingerprint"] != fingerprint:
            changes = tuple(differences(manifest["identity"], identity))
            return "differs", "; ".join(changes), changes
        if not (path / CHECKS).exists():
            return "check", "made, not yet checked", ()
        return "skip", "made, unchanged", ()
    started = path / WORK / IDENTITY
    if started.exists():
        record = read_json(started)
        if record["fingerprint"] != fingerprint:
            changes = tuple(differences(record["identity"], identity))
            if not any((path / WORK / CHECKPOINTS).glob("*")):
                return "run", "begun otherwise, and no checkpoint written: nothing is lost", ()
            return "differs", "unfinished; " + "; ".join(changes), changes
        return "resume", "begun, not finished", ()
    return "run", "not made yet", ()


def dependents(recipe: Recipe, roots: Iterable[str]) -> dict[str, str]:
    """The stages in `roots` and all that consume them, however far, each with the root that it follows from."""
    found = {root: root for root in roots}
    for stage in recipe.stages.values():
        for input_id in inputs_of(stage):
            if input_id in found:
                found.setdefault(stage.id, found[input_id])
    return found


def inputs_of(stage: RecipeStage) -> list[str]:
    """The ids of the stages that `stage` consumes directly."""
    return [reference.path for _, reference, _ in references_of(stage.config) if reference.scheme == "stage"]


def artifacts_in(inputs: Inputs) -> dict[str, Artifact]:
    """The artifacts among the inputs, by the field they stand in (`mixture.0.data`)."""
    found: dict[str, Artifact] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Artifact):
            found[path] = value
        elif isinstance(value, Inputs):
            for name, item in vars(value).items():
                walk(item, f"{path}.{name}" if path else name)
        elif isinstance(value, tuple):
            for index, item in enumerate(value):
                walk(item, f"{path}.{index}")

    walk(inputs, "")
    return found
