"""Run a recipe: plan, lock the run's folder, and walk. Rank 0 alone plans and locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.artifact import FORMAT, MANIFEST, write_json
from pipeline.core.errors import RunError
from pipeline.core.estimates import Estimate, Machine, estimate_plan
from pipeline.core.lock import locked
from pipeline.core.plan import Plan, dependents, make_plan
from pipeline.core.recipe import Recipe, name_fault
from pipeline.core.reference_checks import BuiltinCatalogue
from pipeline.core.resolve import Digests, Resolver
from pipeline.core.reuse import Siblings
from pipeline.core.stage import Processes, SingleProcess
from pipeline.core.text import say as print_line
from pipeline.core.walk import Run, Say, StageResult, Walk, follow, walk_plan
from pipeline.core.yaml import suggestion


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


def plan_recipe(recipe: Recipe, options: RunOptions, catalogue: BuiltinCatalogue) -> Plan:
    """What `run_recipe` would do."""
    _demand_name(options.name)
    _demand_stages(recipe, [*options.rerun, *options.accept, *([options.until] if options.until else [])])
    folder = options.folder(recipe)
    return make_plan(recipe, folder, _resolver(recipe, options, catalogue), options.rerun, Siblings(folder))


def estimate_recipe(
    recipe: Recipe, options: RunOptions, catalogue: BuiltinCatalogue, plan: Plan, machine: Machine, probe: bool = False
) -> dict[str, Estimate]:
    """What each stage of `plan` would take, by id."""
    return estimate_plan(recipe, plan, _resolver(recipe, options, catalogue), options.runs, machine, probe)


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
    say = say or print_line
    folder = options.folder(recipe)
    if not processes.is_main:
        follow(recipe, processes)
        return Run(folder, {})
    plan = plan_recipe(recipe, options, catalogue)
    _stop_at_differences(plan, recipe, folder, options)
    _demand_ready(plan, recipe, options)
    with locked(folder):
        resolver = _resolver(recipe, options, catalogue, download=True)
        _write_run_record(recipe, folder)
        return walk_plan(Walk(recipe, resolver, processes, say, options.accept), plan, folder, options.until)


def run_alone(
    recipe: Recipe, folder: Path, catalogue: BuiltinCatalogue, processes: Processes, say: Say, rerun: bool
) -> StageResult:
    """Make the one stage of `recipe` in `folder`, beside whatever else lies there."""
    (stage_id,) = recipe.stages
    if not processes.is_main:
        follow(recipe, processes)
        return StageResult(stage_id, folder / stage_id, "run")
    resolver = Resolver(catalogue, recipe.folder, Digests(None), download=True)
    with locked(folder, f".{stage_id}.lock"):
        plan = make_plan(recipe, folder, resolver, [stage_id] if rerun else [])
        if plan[stage_id].action == "differs":
            changes = "".join(f"\n  {change}" for change in plan[stage_id].changes)
            raise RunError(
                f"{folder / stage_id} was made otherwise:{changes}\n`rerun=True` moves it aside; or give another `out`."
            )
        return walk_plan(Walk(recipe, resolver, processes, say), plan, folder)[stage_id]


def _resolver(recipe: Recipe, options: RunOptions, catalogue: BuiltinCatalogue, download: bool = False) -> Resolver:
    digests = Digests(options.runs / ".digests.json")
    return Resolver(catalogue, recipe.folder, digests, recipe.path.with_suffix(".lock"), download=download)


def _demand_name(name: str | None) -> None:
    fault = name_fault(name) if name is not None else ""
    if fault:
        raise RunError(f"--name {name}: {fault}")


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
    begun = "made" if (first.path / MANIFEST).exists() else "begun, and not finished,"
    raise RunError(
        f"{first.path} was {begun} otherwise than the recipe now says:{changes}\n"
        f"`--rerun {first.id}` makes it{what_follows} again and keeps the old aside; "
        f"`--name NEW` leaves it alone and starts a run beside {folder}."
    )


def _demand_ready(plan: Plan, recipe: Recipe, options: RunOptions) -> None:
    """Ask every stage that is to be made whether it will be able to end; hours later is too late to say so."""
    for planned in plan:
        stage = recipe.stages[planned.id]
        if planned.action in ("run", "resume") and stage.stage.ready:
            stage.stage.load("ready")(stage.config)
        if planned.id == options.until:
            return


def _write_run_record(recipe: Recipe, folder: Path) -> None:
    record = {
        "format": FORMAT,
        "recipe": str(recipe.path),
        "name": recipe.name,
        "smoke": recipe.smoke,
        "order": list(recipe.stages),
        "settings": recipe.tree,
    }
    write_json(folder / "run.json", record)
