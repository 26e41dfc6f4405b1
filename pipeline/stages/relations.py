"""What a recipe's stages must be to one another and to the files beside it, seen before anything runs. No torch here.

A config checks its own fields and the core checks references; here stands what takes several stages, or a look into a
file, to see. Whatever cannot be known yet (a tokenizer's lengths, the number of processes) is the stages' own matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import DataError
from pipeline.core.folders import split_pattern
from pipeline.core.recipe import RecipeStage
from pipeline.core.reference_checks import references_of, resolve_path
from pipeline.core.references import DataReference, Resolved
from pipeline.core.stage import Runtime
from pipeline.data.bad_rows import good_rows
from pipeline.data.parts import parts_of
from pipeline.data.rows import read_items

Finding = tuple[tuple[str | int, ...], str]
"""The key's path in the recipe, and what is wrong there."""


def related_faults(stages: Mapping[str, RecipeStage], runtime: Runtime, folder: Path) -> Iterator[Finding]:
    """Every fault between stages, and every local data input whose first row cannot be read."""
    for stage in stages.values():
        yield from micro_batch_faults(stage, runtime)
        yield from room_faults(stage, stages)
        yield from data_faults(stage, folder)


def micro_batch_faults(stage: RecipeStage, runtime: Runtime) -> Iterator[Finding]:
    """A micro-batch that does not divide a global batch cannot on any number of processes."""
    size = getattr(getattr(stage.config, "train", stage.config), "global_batch_size", None)
    if size is not None and runtime.micro_batch != "auto" and size % runtime.micro_batch:
        message = f"{runtime.micro_batch} does not divide the global batch of {size} of stage {stage.id!r}"
        yield ("runtime", "micro_batch"), f"{message}; write a divisor of it, or auto"


def room_faults(stage: RecipeStage, stages: Mapping[str, RecipeStage]) -> Iterator[Finding]:
    """Answers as long as the model's context leave no room for a prompt."""
    sampling: Any = getattr(stage.config, "sampling", stage.config)
    longest = getattr(sampling, "max_new_tokens", None)
    if longest is None:
        return
    contexts = [context_length(name, stages) for name in models_of(stage)]
    shortest = min((context for context in contexts if context is not None), default=None)
    if shortest is not None and longest >= shortest:
        inner = ("sampling",) if sampling is not stage.config else ()
        message = f"an answer of {longest} tokens leaves no room for a prompt in the model's context of {shortest}"
        yield ("stages", stage.id, *inner, "max_new_tokens"), f"{message}; lower it, or raise max_position_embeddings"


def models_of(stage: RecipeStage) -> list[str]:
    """The addresses of the models that a stage continues or asks."""
    config: Any = stage.config
    single = [getattr(config, name) for name in ("model", "policy") if hasattr(config, name)]
    return [reference.path for reference in (*single, *getattr(config, "models", ()))]


def context_length(name: str, stages: Mapping[str, RecipeStage]) -> int | None:
    """The context of the model that stage `name` makes; None for one that comes from outside."""
    stage = stages.get(name)
    if stage is None:
        return None
    decoder = getattr(stage.config, "decoder", None)
    if decoder is not None:
        return decoder.max_position_embeddings
    lengths = [context_length(model, stages) for model in models_of(stage) if model != name]
    return lengths[0] if len(lengths) == 1 else None


def data_faults(stage: RecipeStage, folder: Path) -> Iterator[Finding]:
    """Local data is read up to its first row: a wrong kind of file, split or column shows there.

    A stage that drops bad rows may have one there.
    """
    drops = getattr(stage.config, "on_bad_row", "fail") == "drop"
    for path, reference, _ in references_of(stage.config):
        if not isinstance(reference, DataReference) or reference.scheme != "path":
            continue
        path_there, pattern = split_pattern(resolve_path(reference.path, folder))
        source = Resolved(
            reference.path, "path", "", path=path_there, pattern=pattern,
            split=reference.split, columns=dict(reference.columns),
        )  # fmt: skip
        try:
            parts = parts_of(source, limit=1)
            next(good_rows(read_items(parts[0]), (lambda row: None) if drops else None), None)
        except DataError as error:
            yield ("stages", stage.id, *path), str(error)
