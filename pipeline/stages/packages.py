"""Stages that other packages bring, by entry points in the group `pipeline.stages`.

Each entry point bears the name of its kind and names a module like our `config.py`, which has a `STAGE`. What is found
joins the table of stages, and so recipes, the schema and the checks of references; nothing else sets it apart.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from pipeline.core.errors import StageError
from pipeline.core.stage import Stage

GROUP = "pipeline.stages"
HEAVY = ("torch", "transformers", "datasets", "accelerate", "trl")
"""What a config does not import, so that recipes are checked within a second."""


@dataclass(frozen=True)
class BroughtStage:
    """A stage of another package."""

    stage: Stage
    distribution: str
    """The package and its version, for people."""
    module: str
    heavy: tuple[str, ...]
    """Heavy libraries that importing the config brought in, against the rule."""


@functools.cache
def brought_stages(ours: tuple[str, ...]) -> tuple[BroughtStage, ...]:
    """The stages that installed packages bring, by name; `ours` are the kinds that they must not be called.

    Raises:
        StageError: for a name that is taken, or an entry point that gives no stage; it names the package.
    """
    entries = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, _distribution(entry)))
    _demand_own_names(entries, ours)
    return tuple(_load(entry) for entry in entries)


def _demand_own_names(entries: Iterable[EntryPoint], ours: Iterable[str]) -> None:
    owners = dict.fromkeys(ours, "gristmill itself")
    for entry in entries:
        if entry.name in owners:
            raise StageError(
                f"the kind of stage {entry.name!r} comes from {owners[entry.name]} and from {_distribution(entry)}; "
                "a kind has one maker: uninstall one of them, or ask for another name"
            )
        owners[entry.name] = _distribution(entry)


def _load(entry: EntryPoint) -> BroughtStage:
    origin = f"{_distribution(entry)}: the entry point {entry.name!r}"
    before = set(sys.modules)
    try:
        module = importlib.import_module(entry.value)
    except Exception as error:  # another's code: whatever it raises, its package is named
        raise StageError(
            f"{origin} names {entry.value}, which cannot be imported ({type(error).__name__}: {error}); "
            "mend or uninstall the package"
        ) from error
    stage = getattr(module, "STAGE", None)
    if not isinstance(stage, Stage):
        raise StageError(f"{origin} names {entry.value}, which has no STAGE of type pipeline.core.stage.Stage")
    if stage.kind != entry.name:
        raise StageError(f"{origin} gives a stage of the kind {stage.kind!r}; the two names must be the same")
    heavy = tuple(library for library in HEAVY if library in sys.modules and library not in before)
    return BroughtStage(replace(stage, package=_package(entry)), _distribution(entry), entry.value, heavy)


def _package(entry: EntryPoint) -> str:
    """The distribution's name in its normal form, which a rebuild does not change."""
    assert entry.dist is not None
    return re.sub(r"[-_.]+", "-", entry.dist.name).lower()


def _distribution(entry: EntryPoint) -> str:
    assert entry.dist is not None
    return f"{entry.dist.name} {entry.dist.version}"
