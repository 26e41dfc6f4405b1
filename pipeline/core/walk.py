"""The walk itself: skip, check or make one stage after another, and tell the other processes what to do.

Rank 0 seals, checks and moves aside; the other processes wait for its word between stages.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core.artifact import CHECKS, MANIFEST, WORK, read_json
from pipeline.core.errors import RunError, StageError
from pipeline.core.plan import Plan, PlannedStage, artifacts_in, inputs_of
from pipeline.core.progress import Progress, duration
from pipeline.core.recipe import Recipe, RecipeStage
from pipeline.core.resolve import Resolver
from pipeline.core.reuse import take_over
from pipeline.core.seal import begin, missing_files, read_checks, seal, write_checks
from pipeline.core.stage import Check, Inputs, Outcome, Processes, SingleProcess, StageContext

Say = Callable[[str], None]


@dataclass(frozen=True)
class StageResult:
    """What a run has for one stage."""

    id: str
    path: Path
    action: str
    """`skip` or `check` when it was there already, `reuse` when a sibling run had it, otherwise `run` or `resume`."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The sealed artifact's manifest."""
        return read_json(self.path / MANIFEST)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """The figures that the stage reported."""
        return self.manifest["metrics"]

    @property
    def checks(self) -> list[Check]:
        """The verdicts on the artifact."""
        return read_checks(self.path)


@dataclass(frozen=True)
class Run:
    """A finished walk."""

    folder: Path
    results: Mapping[str, StageResult]

    def __getitem__(self, stage_id: str) -> StageResult:
        """One stage by its id."""
        return self.results[stage_id]


@dataclass(frozen=True)
class Instruction:
    """What rank 0 tells the other processes to do next."""

    id: str
    inputs: Inputs
    output: Path


@dataclass
class Walk:
    """The state of a walk on rank 0."""

    recipe: Recipe
    resolver: Resolver
    processes: Processes
    say: Say
    accept: Sequence[str] = ()
    """Stages whose failed checks are let pass."""
    results: dict[str, StageResult] = field(default_factory=dict)


def walk_plan(walk: Walk, plan: Plan, folder: Path, until: str | None = None) -> Run:
    """Walk through the stages of a plan on rank 0, up to `until`."""
    _demand_shared_folder(folder, walk.processes)
    for planned in plan:
        _walk_stage(walk, planned)
        if planned.id == until:
            break
    walk.processes.broadcast(None)
    return Run(folder, walk.results)


def _demand_shared_folder(folder: Path, processes: Processes) -> None:
    """Every process must see the run's folder: it is where stages hand over what they made."""
    processes.broadcast(folder)
    seen = processes.gather(folder.exists())
    if not all(seen):
        blind = [str(rank) for rank, sees in enumerate(seen) if not sees]
        raise RunError(
            f"{folder} is not visible to process {', '.join(blind)}; put --runs on a file system that all share"
        )


def _walk_stage(walk: Walk, planned: PlannedStage) -> None:
    stage = walk.recipe.stages[planned.id]
    position = f"[{len(walk.results) + 1}/{len(walk.recipe.stages)}]"
    walk.resolver.stages = {
        made.id: walk.recipe.stages[made.id].stage.output(made.path, _fingerprint(made.path), made.id)
        for made in walk.results.values()
    }
    _stop_at_failed_checks(walk, stage)
    if planned.action not in ("skip", "reuse"):
        _demand_whole_inputs(walk, stage)
    inputs = walk.resolver.inputs(stage.config)
    if planned.action in ("skip", "check"):
        shutil.rmtree(planned.path / WORK, ignore_errors=True)
        if planned.action == "check":
            _check(walk, stage, inputs, planned)
        walk.say(f"{position} {planned.id}: unchanged, skipped")
    elif planned.action == "reuse" and _take_over(walk, stage, inputs, planned):
        walk.say(f"{position} {planned.id}: taken over from {planned.source}")
    else:
        _make(walk, stage, inputs, planned, position)
    walk.results[planned.id] = StageResult(planned.id, planned.path, planned.action)


def _fingerprint(path: Path) -> str:
    return read_json(path / MANIFEST)["fingerprint"]


def _stop_at_failed_checks(walk: Walk, stage: RecipeStage) -> None:
    for source in inputs_of(stage):
        lenient = walk.recipe.smoke or walk.recipe.stages[source].checks == "warn" or source in walk.accept
        failed = [check for check in read_checks(walk.results[source].path) if check.verdict == "fail"]
        if failed and not lenient:
            first = failed[0]
            advice = f" {first.advice}." if first.advice else ""
            raise RunError(
                f"stage {source!r} is at fault, so {stage.id!r} does not start: {first.name} is {first.figure}, "
                f"expected {first.expected}.{advice}\n`--accept {source}` lets it pass; "
                f"`--rerun {source}` makes it again."
            )


def _demand_whole_inputs(walk: Walk, stage: RecipeStage) -> None:
    for source in inputs_of(stage):
        path = walk.results[source].path
        missing = missing_files(path)
        if missing:
            others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise RunError(
                f"{path / missing[0]}{others}: missing since it was sealed, and stage {stage.id!r} reads it; "
                f"`--rerun {source}` makes it again, `gristmill verify {path}` looks at the rest"
            )


def _take_over(walk: Walk, stage: RecipeStage, inputs: Inputs, planned: PlannedStage) -> bool:
    if planned.path.exists():
        _move_aside(planned.path)
    record = {"id": planned.id, "inputs": _input_records(inputs)}
    if not take_over(Path(planned.source), planned.path, record):
        walk.say(f"  {planned.id}: {planned.source} is no longer as it was sealed, so it is made again")
        return False
    if not (planned.path / CHECKS).exists():
        _check(walk, stage, inputs, planned)
    return True


def _input_records(inputs: Inputs) -> dict[str, dict[str, str]]:
    return {
        name: {"address": artifact.address, "fingerprint": artifact.fingerprint, "path": str(artifact.path)}
        for name, artifact in artifacts_in(inputs).items()
    }


def _make(walk: Walk, stage: RecipeStage, inputs: Inputs, planned: PlannedStage, position: str) -> None:
    walk.say(f"{position} {planned.id}: {'goes on where it stopped' if planned.action == 'resume' else 'starts'}")
    if planned.action != "resume" and planned.path.exists():
        _move_aside(planned.path)
    settings = stage.config.model_dump(mode="json")
    inexact = begin(planned, settings, walk.processes.world_size)
    started, cpu = time.time(), time.process_time()
    walk.processes.broadcast(Instruction(stage.id, inputs, planned.path))
    outcome = perform(walk.recipe, stage, inputs, planned.path, walk.processes, position)
    seconds = time.time() - started
    record = {
        "settings": settings,
        "inputs": _input_records(inputs),
        "seed": stage.seed,
        "runtime": walk.recipe.runtime.model_dump() | dict(outcome.runtime),
        "world_size": walk.processes.world_size if stage.stage.processes == "all" else 1,
        "started": started,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "resumed": planned.action == "resume",
        "exact": not inexact,
        "inexact_because": inexact,
    }
    seal(planned, outcome, record)
    _check(walk, stage, inputs, planned)
    walk.say(f"{position} {planned.id}: {outcome.headline or 'done'} ({duration(seconds)})")


def perform(
    recipe: Recipe, stage: RecipeStage, inputs: Inputs, output: Path, processes: Processes, position: str = ""
) -> Outcome:
    """Call a stage's `run` on this process; a stage for the main process alone does nothing elsewhere."""
    alone = stage.stage.processes == "main"
    if alone and not processes.is_main:
        return Outcome()
    context = stage_context(recipe, stage, output, SingleProcess() if alone else processes, position)
    try:
        outcome = stage.stage.load("run")(stage.config, inputs, context)
    except StageError as error:  # a data fault names its file; one of the stage, the stage
        raise StageError(f"stages.{stage.id}: {error}") from error.__cause__
    finally:
        context.progress.close()
    if not alone:
        processes.barrier()
        processes.reset()
    return outcome


def stage_context(
    recipe: Recipe, stage: RecipeStage, output: Path, processes: Processes, position: str = ""
) -> StageContext:
    """Where and how one stage runs."""
    progress = Progress(f"{position} {stage.id}".strip(), quiet=not processes.is_main)
    return StageContext(
        stage.id, stage.seed, output, recipe.runtime, processes, progress, recipe.smoke, recipe.tree
    )  # fmt: skip


def _check(walk: Walk, stage: RecipeStage, inputs: Inputs, planned: PlannedStage) -> None:
    artifact = stage.stage.output(planned.path, planned.fingerprint, planned.id)
    context = stage_context(walk.recipe, stage, planned.path, SingleProcess())
    checks = stage.stage.load("check")(stage.config, inputs, artifact, context)
    context.progress.close()
    shutil.rmtree(planned.path / WORK, ignore_errors=True)
    write_checks(planned.path, checks)
    for check in checks:
        if check.verdict != "pass" and not walk.recipe.smoke:
            walk.say(f"  {check.verdict}: {planned.id}: {check.name} is {check.figure}, expected {check.expected}")


def _move_aside(path: Path) -> None:
    old = path.parent / ".old"
    old.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    target = old / f"{path.name}-{stamp}"
    number = 1
    while target.exists():
        number += 1
        target = old / f"{path.name}-{stamp}-{number}"
    path.rename(target)


def follow(recipe: Recipe, processes: Processes) -> None:
    """What ranks other than 0 do: as they are told, until there is no more."""
    folder: Path = processes.broadcast(None)
    processes.gather(folder.exists())
    while True:
        instruction = processes.broadcast(None)
        if instruction is None:
            return
        stage = recipe.stages[instruction.id]
        perform(recipe, stage, instruction.inputs, instruction.output, processes)
