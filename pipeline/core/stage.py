"""What a stage is: a config type whose fields include typed inputs, an output type, a `run` and a `check` function.

Nothing here is inherited from but `StageConfig`, which only fixes how settings behave (frozen, no unknown keys).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.core.artifact import Artifact
from pipeline.core.errors import SettingError
from pipeline.core.extras import require_installed
from pipeline.core.progress import Progress


class Settings(BaseModel):
    """A group of settings: frozen, documented where declared, valid by default, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


class StageConfig(Settings):
    """The settings of one stage. Fields marked `not_identity` are recorded, but do not make another artifact."""


def not_identity() -> dict[str, Any]:
    """For `Field(json_schema_extra=not_identity())`: a setting that does not change what the stage makes."""
    return {"identity": False}


Verdict = Literal["pass", "warn", "fail"]


def graded(*, warn: bool = False, fail: bool = False) -> Verdict:
    """The worst verdict that holds: `fail` where an artifact is useless, `warn` where it deserves a look."""
    return "fail" if fail else "warn" if warn else "pass"


@dataclass(frozen=True)
class Check:
    """One look at a stage's own output: a name, a figure, what is expected, a verdict."""

    name: str
    figure: float | int | str
    expected: str
    verdict: Verdict
    advice: str = ""
    """What to try when the verdict is not `pass`."""


@dataclass(frozen=True)
class Outcome:
    """What `run` reports beside the files that it wrote."""

    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Figures for the manifest: JSON values, finite numbers."""
    headline: str = ""
    """The stage's result in some 60 characters, for the closing table."""
    runtime: Mapping[str, Any] = field(default_factory=dict)
    """What was measured or chosen at run time: device, precision, threads, micro-batch. Recorded in the manifest."""


class Processes(Protocol):
    """The processes of one launch, as the core and the stages see them."""

    rank: int
    world_size: int

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which alone plans, hashes, locks, prints and writes manifests."""
        ...

    def broadcast(self, value: Any) -> Any:
        """Rank 0's `value`, on every rank (picklable; may wait for days)."""
        ...

    def gather(self, value: Any) -> list[Any]:
        """Every rank's `value`, in rank order, on every rank."""
        ...

    def barrier(self) -> None:
        """Wait until every rank is here."""
        ...

    def reset(self) -> None:
        """Forget what the last stage's trainer fixed (precision, plugins), keeping the process group."""
        ...


class SingleProcess:
    """One process, no torch."""

    rank = 0
    world_size = 1
    is_main = True

    def broadcast(self, value: Any) -> Any:
        """The value itself."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """The value alone."""
        return [value]

    def barrier(self) -> None:
        """Nothing to wait for."""

    def reset(self) -> None:
        """Nothing to forget."""


Tracker = Literal["trackio", "tensorboard", "wandb", "mlflow"]


class Engine(Settings):
    """What does the work that is cut into tasks: preparing a corpus, encoding it."""

    kind: Literal["local", "ray", "slurm"] = "local"
    """`local`: this machine. `ray`: the cluster that `RAY_ADDRESS` names, or this machine; an extra to install.
    `slurm`: array jobs, from a node that has `sbatch`."""
    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Tasks at once; `auto` is one for each core here, and as many as a cluster has room for."""
    partition: str | None = None
    """Where Slurm's jobs go."""
    time: str | None = None
    """The time limit of Slurm's jobs, as `sbatch --time` takes it; a day when left out."""
    memory_gb: Annotated[int, Field(ge=1)] | None = None
    """Memory that a task asks Slurm for; 4 when left out."""

    @field_validator("kind")
    @classmethod
    def _installed(cls, kind: str) -> str:
        if kind == "ray":
            require_installed("ray", extra="ray")
        return kind

    @model_validator(mode="after")
    def _of_slurm(self) -> Engine:
        if self.kind == "slurm" and self.partition is None:
            raise SettingError("slurm needs to know which partition its jobs go to", "partition")
        for name in ("partition", "time", "memory_gb"):
            if self.kind != "slurm" and getattr(self, name) is not None:
                raise SettingError(f"is Slurm's; the engine is {self.kind}: leave it out, or set `kind: slurm`", name)
        return self


class Runtime(Settings):
    """How a recipe runs: recorded, never part of an artifact's identity."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of training; `auto` is bf16 where the device computes it faster than fp32."""
    micro_batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Sequences per forward pass and process; `auto` takes the largest power of two that fits."""
    threads: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """CPU threads of each process."""
    compile: bool | Literal["auto"] = "auto"
    """Whether pretraining compiles the model; `auto` does where a compiler is there and training takes five minutes."""
    engine: Engine = Engine()
    """What does the work that is cut into tasks."""
    trackers: tuple[Tracker, ...] = ()
    """Where rows of `metrics.jsonl` go as well: trackio, tensorboard, wandb, mlflow; each is an extra to install."""

    @field_validator("trackers")
    @classmethod
    def _installed(cls, trackers: tuple[Tracker, ...]) -> tuple[Tracker, ...]:
        for name in trackers:
            require_installed(name, extra=name)
        return trackers


@dataclass(frozen=True)
class StageContext:
    """Where and how one stage runs."""

    id: str
    seed: int
    output: Path
    """The artifact's folder; `run` writes its files here, the core adds the manifest."""
    runtime: Runtime
    processes: Processes
    progress: Progress
    smoke: bool = False
    """Every stage at its smallest: a few steps, a few rows."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """The recipe as resolved, for stages that publish it."""

    @property
    def work(self) -> Path:
        """Scratch folder of the stage: checkpoints and the like, removed at the seal."""
        return self.output / ".work"


class Inputs:
    """The resolved inputs, in the shape of the config: `inputs.model.path`, `inputs.mixture[0].data`.

    Every reference of the config is replaced by the `Artifact` or `Resolved` it stands for; other values stay.
    """

    def __init__(self, **values: Any) -> None:
        """Keep the values as attributes."""
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        """Only reached for a name that the config does not have."""
        raise AttributeError(name)


RunFunction = Callable[[Any, Inputs, StageContext], Outcome]
CheckFunction = Callable[[Any, Inputs, Artifact, StageContext], list[Check]]


@dataclass(frozen=True)
class Stage:
    """A kind of stage. The functions are named, not imported, so that the table of stages stays free of torch."""

    kind: str
    config: type[StageConfig]
    output: type[Artifact]
    run: str
    """`module:function` of `run(config, inputs, context) -> Outcome`."""
    check: str
    """`module:function` of `check(config, inputs, artifact, context) -> list[Check]`, called on rank 0 once sealed."""
    version: int = 1
    """Raised when a default or the behaviour changes what is made from the same settings."""
    processes: Literal["main", "all"] = "all"
    seeded: bool = True
    """Whether the seed is part of the artifact's identity."""
    smoke: Mapping[str, Any] = field(default_factory=dict)
    """Settings that `--smoke` lays over the recipe's, by dotted key."""
    package: str = ""
    """The package that brings the kind, where that is not this one; set when it is found. Part of an artifact's
    identity: two packages may each have a kind of the same name."""
    estimate: str = ""
    """`module:function` of `estimate(config, inputs, context) -> Estimate`, without torch: what the stage will take.
    Left out, a plan shows no figures for it."""
    ready: str = ""
    """`module:function` of `ready(config)`, without torch: raises a `PipelineError` for what would make the stage fail
    at its end, such as a missing right to push. Asked before the first stage of a run that is to make this one."""

    def load(self, function: Literal["run", "check", "estimate", "ready"]) -> Callable[..., Any]:
        """Import and return one of the functions."""
        module, name = getattr(self, function).split(":")
        return getattr(importlib.import_module(module), name)
