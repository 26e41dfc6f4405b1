"""Toy stages, free of torch, to test the core with: sow makes grain, mill makes flour of it, bake takes both."""

from __future__ import annotations

import os
import signal
from typing import Annotated

from pydantic import Field

from pipeline.core.artifact import Artifact
from pipeline.core.errors import StageError
from pipeline.core.quantities import Count
from pipeline.core.references import DataReference, FromText, Reference, accepts
from pipeline.core.stage import Check, Inputs, Outcome, Settings, Stage, StageConfig, StageContext, not_identity


class Grain(Artifact):
    pass


class Flour(Artifact):
    pass


class Bread(Artifact):
    pass


class SowConfig(StageConfig):
    grains: Count = 3
    kind_of_grain: str = "rye"
    talk: bool = Field(False, json_schema_extra=not_identity())
    field_data: Annotated[DataReference, FromText, accepts(schemes="path builtin", builtins="data")] | None = None


class Stones(Settings):
    gap: float = Field(0.5, gt=0)
    turns: int = 2


class MillConfig(StageConfig):
    grain: Annotated[Reference, FromText, accepts(Grain, schemes="stage path")] = Reference(path="sow")
    stones: Stones = Stones()


class Ingredient(Settings):
    data: Annotated[Reference, FromText, accepts(Flour, Grain, schemes="stage")]
    weight: float = 1.0


class BakeConfig(StageConfig):
    mixture: tuple[Ingredient, ...]


CALLS: list[str] = []


def sow(config: SowConfig, inputs: Inputs, context: StageContext) -> Outcome:
    CALLS.append(context.id)
    if config.kind_of_grain == "weeds":
        raise StageError("weeds do not grow here")
    if config.kind_of_grain == "killer":
        os.kill(os.getpid(), signal.SIGKILL)
    (context.output / "grain.txt").write_text("grain\n" * config.grains + str(context.seed))
    return Outcome({"grains": config.grains}, f"{config.grains} grains")


def mill(config: MillConfig, inputs: Inputs, context: StageContext) -> Outcome:
    CALLS.append(context.id)
    (context.output / "flour.txt").write_text((inputs.grain.path / "grain.txt").read_text().upper())
    return Outcome({"turns": config.stones.turns})


def bake(config: BakeConfig, inputs: Inputs, context: StageContext) -> Outcome:
    CALLS.append(context.id)
    (context.output / "bread.txt").write_text(" ".join(part.data.address for part in inputs.mixture))
    return Outcome()


def check(config: StageConfig, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    grains = artifact.metrics.get("grains", 1)
    return [Check("grains", grains, "less than 100", "fail" if grains >= 100 else "pass", "sow less")]


def _stage(kind: str, config: type[StageConfig], output: type[Artifact], **options: object) -> Stage:
    return Stage(kind, config, output, f"{__name__}:{kind}", f"{__name__}:check", **options)  # type: ignore[arg-type]


TABLE = {
    "sow": _stage("sow", SowConfig, Grain, processes="main", smoke={"grains": 1}),
    "mill": _stage("mill", MillConfig, Flour, seeded=False),
    "bake": _stage("bake", BakeConfig, Bread),
}


class Entry:
    version = 1
    splits = ("train", "test")


CATALOGUE = {("data", "meadow"): Entry()}

RECIPE = """\
recipe: 1
name: loaf
seed: 5
stages:
  sow: {grains: 4}
  mill:
    grain: sow
    stones: {gap: 0.25}
  bake:
    mixture: [{data: mill, weight: 0.8}, {data: sow}]
"""
