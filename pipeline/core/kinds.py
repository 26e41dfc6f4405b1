"""What each kind of stage reads and makes, in words."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pipeline.core.references import Accepts
from pipeline.core.stage import Stage


@dataclass(frozen=True)
class Kind:
    """One kind of stage, for people."""

    kind: str
    summary: str
    """What it does, in a sentence."""
    reads: tuple[str, ...]
    """What its inputs take."""
    makes: str
    package: str
    """The package that brings it; empty for ours."""


def describe(table: Mapping[str, Stage]) -> list[Kind]:
    """Every kind of the table."""
    return [
        Kind(kind, _sentence(stage), tuple(_reads(stage.config)), stage.output.__name__, stage.package)
        for kind, stage in table.items()
    ]


def _sentence(stage: Stage) -> str:
    """The first sentence of the package that the config lies in: a room opens by saying what it does."""
    module = stage.config.__module__
    text = inspect.getdoc(importlib.import_module(module.rpartition(".")[0] or module)) or ""
    return " ".join(text.split("\n\n")[0].split())


def _reads(config: type[BaseModel]) -> list[str]:
    found: dict[str, None] = {}
    for accepts in _inputs(config):
        names = [kind.__name__ for kind in accepts.types]
        found[" or ".join(names + ([accepts.builtins] if accepts.builtins else []))] = None
    return list(found)


def _inputs(annotation: Any) -> Iterator[Accepts]:
    """What every input takes that stands in a config, or in the groups in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for field in annotation.model_fields.values():
            direct = [entry for entry in field.metadata if isinstance(entry, Accepts)]
            yield from direct or _inputs(field.annotation)
    direct = [entry for entry in getattr(annotation, "__metadata__", ()) if isinstance(entry, Accepts)]
    yield from direct
    if not direct:
        for argument in getattr(annotation, "__args__", ()):
            yield from _inputs(argument)
