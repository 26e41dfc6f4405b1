"""One walk through a recipe: use what is sealed and unchanged, make the rest, stop at what differs.

Rank 0 plans, locks, moves aside, seals and checks; it tells the other processes which stage comes next, and they wait
for its word between stages.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.core.artifact import MANIFEST, WORK, read_json, write_json
from pipeline.core.errors import RunError
from pipeline.core.lock import locked
from pipeline.core.plan import Plan, PlannedStage, artifacts_in, dependents, inputs_of, make_plan
from pipeline.core.progress import Progress, duration
from pipeline.core.recipe import Recipe, RecipeStage
from pipeline.core.reference_checks import BuiltinCatalogue
from pipeline.core.resolve import Digests, Resolver
from pipeline.core.seal import begin, read_checks, seal, write_checks
from pipeline.core.stage import Check, Inputs, Outcome, Processes, SingleProcess, StageContext
from pipeline.core.yaml import suggestion

Say = Callable[[str], None]


@dataclass(frozen=True)
class StageResult:
    """What a run has for one stage."""

    id: str
    path: Path
    action: str
    """`skip` when it was there already, otherwise `run` or `resume`."""

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
class RunOptions:
    """How a walk is to go."""

    runs: Path = Path("runs")
    name: str | None = None
    until: str | None = None
    rerun: Sequence[str] = ()
    accept: Sequence[str] = ()

    def folder(self, recipe: Recipe) -> Path:
        """Where the run lies."""
        return self.runs / ((self.name or recipe.name) + ("-smoke" if recipe.smoke else ""))


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
    options: RunOptions
    resolver: Resolver
    processes: Processes
    say: Say
    results: dict[str, StageResult] = field(default_factory=dict)


def plan_recipe(recipe: Recipe, options: RunOptions, catalogue: BuiltinCatalogue) -> Plan:
    """What `run_recipe` would do."""
    _demand_stages(recipe, [*options.rerun, *options.accept, *([options.until] if options.until else [])])
    return make_plan(recipe, options.folder(recipe), _resolver(recipe, options, catalogue), options.rerun)


def run_recipe(
    recipe: Recipe,
    options: RunOptions,
    catalogue: BuiltinCatalogue,
    processes: Processes | None = None,
    say: Say | None = None,
) -> Run:
    """Walk through a recipe.

    Raises:
        RunError: when a folder differs from what the recipe asks for, is in use or damaged, or when a failed check
            stands in the way; whatever was sealed before stays valid.
    """
    processes = processes or SingleProcess()
    say = say or (lambda line: print(line, file=sys.stderr, flush=True))
    folder = options.folder(recipe)
    if not processes.is_main:
        _follow(recipe, processes)
        return Run(folder, {})
    plan = plan_recipe(recipe, options, catalogue)
    _stop_at_differences(plan, recipe, folder, options)
    with locked(folder):
        walk = Walk(recipe, options, _resolver(recipe, options, catalogue, download=True), processes, say)
        _write_run_record(walk, folder)
        return walk_plan(walk, plan, folder)


def run_alone(
    recipe: Recipe, folder: Path, catalogue: BuiltinCatalogue, processes: Processes, say: Say, rerun: bool
) -> StageResult:
    """Make the one stage of `recipe` in `folder`, beside whatever else lies there."""
    (stage_id,) = recipe.stages
    if not processes.is_main:
        _follow(recipe, processes)
        return StageResult(stage_id, folder / stage_id, "run")
    options = RunOptions()
    resolver = Resolver(catalogue, recipe.folder, Digests(None), download=True)
    with locked(folder, f".{stage_id}.lock"):
        plan = make_plan(recipe, folder, resolver, [stage_id] if rerun else [])
        if plan[stage_id].action == "differs":
            changes = "".join(f"\n  {change}" for change in plan[stage_id].changes)
            raise RunError(
                f"{folder / stage_id} was made otherwise:{changes}\n`rerun=True` moves it aside; or give another `out`."
            )
        return walk_plan(Walk(recipe, options, resolver, processes, say), plan, folder)[stage_id]


def walk_plan(walk: Walk, plan: Plan, folder: Path) -> Run:
    """Walk through the stages of a plan on rank 0, up to the one that was asked for."""
    _demand_shared_folder(folder, walk.processes)
    for planned in plan:
        _walk_stage(walk, planned)
        if planned.id == walk.options.until:
            break
    walk.processes.broadcast(None)
    return Run(folder, walk.results)


def _resolver(recipe: Recipe, options: RunOptions, catalogue: BuiltinCatalogue, download: bool = False) -> Resolver:
    digests = Digests(options.runs / ".digests.json")
    return Resolver(catalogue, recipe.folder, digests, recipe.path.with_suffix(".lock"), download=download)


def _demand_stages(recipe: Recipe, ids: Iterable[str]) -> None:
    for stage_id in ids:
        if stage_id not in recipe.stages:
            raise RunError(f"there is no stage {stage_id!r} in {recipe.path}; {suggestion(stage_id, recipe.stages)}")


def _stop_at_differences(plan: Plan, recipe: Recipe, folder: Path, options: RunOptions) -> None:
    ids = [planned.id for planned in plan]
    within = ids[: ids.index(options.until) + 1] if options.until else ids
    differing = [planned for planned in plan if planned.action == "differs" and planned.id in within]
    if not differing:
        return
    first = differing[0]
    changes = "".join(f"\n  {change}" for change in first.changes)
    follows = [stage_id for stage_id in dependents(recipe, [first.id]) if stage_id != first.id]
    what_follows = f" and what follows ({', '.join(follows)})" if follows else ""
    raise RunError(
        f"{first.path} was made otherwise than the recipe now says:{changes}\n"
        f"`--rerun {first.id}` makes it{what_follows} again and keeps the old aside; "
        f"`--name NEW` leaves it alone and starts a run beside {folder}."
    )


def _demand_shared_folder(folder: Path, processes: Processes) -> None:
    """Every process must see the run's folder: it is where stages hand over what they made."""
    processes.broadcast(folder)
    seen = processes.gather(folder.exists())
    if not all(seen):
        blind = [str(rank) for rank, sees in enumerate(seen) if not sees]
        raise RunError(
            f"{folder} is not visible to process {', '.join(blind)}; put --runs on a file system that all share"
        )


def _write_run_record(walk: Walk, folder: Path) -> None:
    record = {
        "recipe": str(walk.recipe.path),
        "name": walk.recipe.name,
        "order": list(walk.recipe.stages),
        "settings": walk.recipe.tree,
    }
    write_json(folder / "run.json", record)


def _walk_stage(walk: Walk, planned: PlannedStage) -> None:
    stage = walk.recipe.stages[planned.id]
    position = f"[{len(walk.results) + 1}/{len(walk.recipe.stages)}]"
    walk.resolver.stages = {
        made.id: walk.recipe.stages[made.id].stage.output(made.path, _fingerprint(made.path), made.id)
        for made in walk.results.values()
    }
    _stop_at_failed_checks(walk, stage)
    inputs = walk.resolver.inputs(stage.config)
    if planned.action in ("skip", "check"):
        shutil.rmtree(planned.path / WORK, ignore_errors=True)
        if planned.action == "check":
            _check(walk, stage, inputs, planned)
        walk.say(f"{position} {planned.id}: unchanged, skipped")
    else:
        _make(walk, stage, inputs, planned, position)
    walk.results[planned.id] = StageResult(planned.id, planned.path, planned.action)


def _fingerprint(path: Path) -> str:
    return read_json(path / MANIFEST)["fingerprint"]


def _stop_at_failed_checks(walk: Walk, stage: RecipeStage) -> None:
    for source in inputs_of(stage):
        lenient = walk.recipe.smoke or walk.recipe.stages[source].checks == "warn" or source in walk.options.accept
        failed = [check for check in read_checks(walk.results[source].path) if check.verdict == "fail"]
        if failed and not lenient:
            first = failed[0]
            advice = f" {first.advice}." if first.advice else ""
            raise RunError(
                f"stage {source!r} is at fault, so {stage.id!r} does not start: {first.name} is {first.figure}, "
                f"expected {first.expected}.{advice}\n`--accept {source}` lets it pass; "
                f"`--rerun {source}` makes it again."
            )


def _make(walk: Walk, stage: RecipeStage, inputs: Inputs, planned: PlannedStage, position: str) -> None:
    walk.say(f"{position} {planned.id}: {'goes on where it stopped' if planned.action == 'resume' else 'starts'}")
    if planned.action == "run" and planned.path.exists():
        _move_aside(planned.path)
    settings = stage.config.model_dump(mode="json")
    inexact = begin(planned, settings, walk.processes.world_size)
    started, cpu = time.time(), time.process_time()
    walk.processes.broadcast(Instruction(stage.id, inputs, planned.path))
    outcome = perform(walk.recipe, stage, inputs, planned.path, walk.processes, position)
    seconds = time.time() - started
    record = {
        "settings": settings,
        "inputs": {
            name: {"address": artifact.address, "fingerprint": artifact.fingerprint, "path": str(artifact.path)}
            for name, artifact in artifacts_in(inputs).items()
        },
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
    outcome = stage.stage.load("run")(stage.config, inputs, context)
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
        if check.verdict != "pass":
            advice = f"; {check.advice}" if check.advice else ""
            walk.say(
                f"  {check.verdict}: {planned.id}: {check.name} is {check.figure}, expected {check.expected}{advice}"
            )


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


def _follow(recipe: Recipe, processes: Processes) -> None:
    """What ranks other than 0 do: as they are told, until there is no more."""
    folder: Path = processes.broadcast(None)
    processes.gather(folder.exists())
    while True:
        instruction = processes.broadcast(None)
        if instruction is None:
            return
        stage = recipe.stages[instruction.id]
        perform(recipe, stage, instruction.inputs, instruction.output, processes)
