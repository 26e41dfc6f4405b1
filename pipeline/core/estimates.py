"""What a run will take, before it runs: parameters, tokens, FLOPs, memory, disk and time of each stage.

A stage foresees its figures by its function `estimate(config, inputs, context) -> Estimate`, from its settings, from
inputs that are made already, and from what the stages before it foresee. Where a stage is made, its manifest speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.core.artifact import Artifact
from pipeline.core.past import Past, comparable, past_stages, seconds_by_pace
from pipeline.core.plan import Plan, PlannedStage
from pipeline.core.recipe import Recipe, RecipeStage
from pipeline.core.references import Resolved
from pipeline.core.resolve import Resolver
from pipeline.core.stage import Runtime

Sign = Literal["", "~", "<="]
"""How a figure is meant: exactly, about, or at most."""
FIGURES = ("parameters", "tokens", "steps", "flops", "memory_bytes", "disk_bytes", "scratch_bytes", "seconds")
READY = ("skip", "check", "reuse")
"""Actions of stages whose artifact can be read."""


@dataclass(frozen=True)
class Figure:
    """A number, and how it is meant."""

    value: float
    sign: Sign = ""

    def __mul__(self, other: Figure | float) -> Figure:
        """The product: about, as soon as one factor is; at most, when one is and none is about."""
        other = other if isinstance(other, Figure) else Figure(other)
        signs = {self.sign, other.sign}
        return Figure(self.value * other.value, "~" if "~" in signs else "<=" if "<=" in signs else "")

    def then(self, change: Callable[[float], float]) -> Figure:
        """The same kind of figure of another amount."""
        return Figure(change(self.value), self.sign)


@dataclass(frozen=True)
class Estimate:
    """What one stage will take; None for what it does not have, or cannot know yet."""

    parameters: Figure | None = None
    """Of the model that it trains or writes."""
    tokens: Figure | None = None
    """Tokens that it trains on, or samples; padding not counted."""
    steps: Figure | None = None
    flops: Figure | None = None
    memory_bytes: Figure | None = None
    """Tensors of one process at their highest; the interpreter and its libraries not counted."""
    disk_bytes: Figure | None = None
    """What remains when the stage is sealed."""
    scratch_bytes: Figure | None = None
    """What lies beside that while the stage runs: checkpoints and the like."""
    seconds: Figure | None = None
    seconds_from: str = ""
    """Where the time comes from."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Figures that cannot be known yet, and when they can."""
    notes: tuple[str, ...] = ()
    """What the figures rest on."""
    remarks: tuple[str, ...] = ()
    """What else there is to say of them, in a line each."""
    pace: Mapping[str, Figure] = field(default_factory=dict)
    """The stage's work in the units of its manifest's metrics, best measure first; time goes by it."""
    recorded: Mapping[str, str] = field(default_factory=dict)
    """The metric of the manifest that tells the truth of a figure."""
    makes: Mapping[str, Any] = field(default_factory=dict)
    """What the stages after it need to know: a model's sizes, a vocabulary, a number of rows."""

    def record(self) -> dict[str, Any]:
        """For JSON: plain numbers, and apart from them how each is meant."""
        figures = {name: getattr(self, name) for name in FIGURES}
        return {
            **{name: figure.value if figure else None for name, figure in figures.items()},
            "signs": {name: figure.sign for name, figure in figures.items() if figure and figure.sign},
            "unknown": dict(self.unknown),
            "seconds_from": self.seconds_from,
            "notes": list(self.notes),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class Machine:
    """What a run would have to do with."""

    device: str
    """`cpu`, or the GPU's name."""
    free_bytes: int
    """Memory of the device that is free."""
    world_size: int = 1


@dataclass(frozen=True)
class EstimateContext:
    """What a stage's `estimate` may know beside its settings and inputs."""

    id: str
    seed: int
    runtime: Runtime
    machine: Machine
    settings: Mapping[str, Any]
    """Those that count for identity, as manifests keep them: to compare inputs with those of earlier runs."""
    past: Sequence[Past]
    """Stages of this kind in earlier runs, newest first."""
    upstream: Mapping[str, Estimate]
    """What the stages before it foresee, by id."""
    ready: frozenset[str]
    """Ids of stages before it that are made."""
    probe: bool = False
    """Whether inputs that are made may be opened and counted, which takes seconds and the libraries."""

    def foreseen(self, source: Artifact | Resolved) -> Mapping[str, Any]:
        """What is known of an input that an earlier stage makes; nothing of one from elsewhere."""
        known = self.upstream.get(source.address)
        return known.makes if known else {}

    def can_open(self, *sources: Artifact | Resolved | None) -> bool:
        """Whether all these inputs exist."""
        return all(source is None or self._exists(source) for source in sources)

    def _exists(self, source: Artifact | Resolved) -> bool:
        if source.address in self.upstream:
            return source.address in self.ready
        if source.path is not None:
            return source.path.exists()
        return isinstance(source, Resolved) and source.scheme == "builtin"


def estimate_plan(
    recipe: Recipe, plan: Plan, resolver: Resolver, runs: Path, machine: Machine, probe: bool = False
) -> dict[str, Estimate]:
    """The figures of every stage of a plan, by id."""
    past = past_stages(runs, recipe.smoke)
    found: dict[str, Estimate] = {}
    artifacts: dict[str, Artifact] = {}
    for planned in plan:
        stage = recipe.stages[planned.id]
        resolver.stages = artifacts
        earlier = comparable(past.get(stage.stage.kind, []), machine.device, machine.world_size, recipe.runtime.threads)
        ready = frozenset(other.id for other in plan if other.action in READY)
        context = EstimateContext(
            planned.id, stage.seed, recipe.runtime, machine, planned.identity["settings"], earlier,
            dict(found), ready, probe and planned.action not in READY,
        )  # fmt: skip
        found[planned.id] = _estimate(stage, planned, resolver, context)
        place = Path(planned.source) if planned.action == "reuse" else planned.path
        artifacts[planned.id] = stage.stage.output(place, planned.fingerprint, planned.id)
    return found


def _estimate(stage: RecipeStage, planned: PlannedStage, resolver: Resolver, context: EstimateContext) -> Estimate:
    estimate = Estimate()
    if stage.stage.estimate:
        estimate = stage.stage.load("estimate")(stage.config, resolver.inputs(stage.config), context)
    if planned.action in READY:
        place = Path(planned.source) if planned.action == "reuse" else planned.path
        return as_recorded(estimate, Artifact(place))
    if estimate.seconds is None:
        timed = seconds_by_pace(context.past, {name: figure.value for name, figure in estimate.pace.items()})
        if timed:
            return replace(estimate, seconds=Figure(timed[0], "~"), seconds_from=timed[1])
        unknown = {**estimate.unknown, "seconds": "time: no such stage has run in --runs; --probe measures training"}
        return replace(estimate, unknown=unknown)
    return estimate


def as_recorded(estimate: Estimate, artifact: Artifact) -> Estimate:
    """The estimate of a made stage, with the truth of its manifest where that has it."""
    truth: dict[str, Any] = {
        name: Figure(artifact.metrics[metric])
        for name, metric in estimate.recorded.items()
        if metric in artifact.metrics
    }
    size = sum(path.stat().st_size for path in artifact.path.rglob("*") if path.is_file())
    unknown = {name: why for name, why in estimate.unknown.items() if name not in truth}
    return replace(
        estimate, **truth, disk_bytes=Figure(size), scratch_bytes=None, unknown=unknown,
        seconds=Figure(artifact.manifest["seconds"]), seconds_from="as recorded",
    )  # fmt: skip


@dataclass(frozen=True)
class Totals:
    """What all stages together would take; those that are made take nothing more."""

    seconds: float
    seconds_complete: bool
    """Whether every stage that would run has a time."""
    flops: float
    disk_bytes: float
    """What would remain."""
    peak_disk_bytes: float
    """With the largest stage's scratch beside it."""
    memory_bytes: float
    """Of the stage that needs most."""

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def totals(plan: Plan, estimates: Mapping[str, Estimate]) -> Totals:
    """Sums and maxima over the stages that would run."""
    coming = [estimates[planned.id] for planned in plan if planned.action not in READY]

    def values(name: str) -> list[float]:
        return [figure.value for one in coming if (figure := getattr(one, name)) is not None]

    disk = sum(values("disk_bytes"))
    return Totals(
        seconds=sum(values("seconds")),
        seconds_complete=all(one.seconds is not None for one in coming),
        flops=sum(values("flops")),
        disk_bytes=disk,
        peak_disk_bytes=disk + max(values("scratch_bytes"), default=0),
        memory_bytes=max(values("memory_bytes"), default=0),
    )
