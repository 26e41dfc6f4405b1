"""A recipe: a name, a seed, and stages by id, each with a kind, its inputs and its settings.

Loading checks everything that can be known before a run, without importing torch, and reports all faults at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.core.errors import Problem, RecipeError
from pipeline.core.overrides import apply_override, set_value
from pipeline.core.reference_checks import BuiltinCatalogue, reference_problems
from pipeline.core.references import STAGE_ID
from pipeline.core.stage import Runtime, Stage, StageConfig
from pipeline.core.validation import quoted, validate
from pipeline.core.yaml import Document, parse, suggestion

FORMAT = 1
TOP_LEVEL = ("recipe", "name", "seed", "runtime", "stages")
OWN_KEYS = ("kind", "seed", "checks")
"""Keys of a stage that are the core's, not its config's."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class RecipeStage:
    """One stage as a recipe asks for it."""

    id: str
    stage: Stage
    config: StageConfig
    seed: int
    checks: Literal["stop", "warn"] = "stop"
    """Whether a failed check stops the stages that would consume the artifact."""


Relations = Callable[[Mapping[str, RecipeStage], Runtime, Path], Iterable[tuple[tuple[str | int, ...], str]]]
"""Finds faults between stages, and in the files beside the recipe: the key's path, and what is wrong there."""


@dataclass(frozen=True)
class Recipe:
    """A valid recipe."""

    name: str
    seed: int
    runtime: Runtime
    stages: Mapping[str, RecipeStage]
    path: Path
    tree: Mapping[str, Any]
    """The recipe after overrides, as plain data."""
    smoke: bool = False

    @property
    def folder(self) -> Path:
        """What relative paths in the recipe are relative to."""
        return self.path.parent


def load_recipe(
    path: Path,
    *,
    table: Mapping[str, Stage],
    catalogue: BuiltinCatalogue,
    overrides: Iterable[str] = (),
    smoke: bool = False,
    relations: Relations = lambda stages, runtime, folder: (),
) -> Recipe:
    """Read and check a recipe.

    `table` holds the kinds of stages, `catalogue` the builtin names by (family, name). With `smoke`, each kind's
    smallest settings are laid over the recipe's. `relations` are looked at when all else is right.

    Raises:
        RecipeError: with every fault that was found.
    """
    document = parse(_read(path), str(path))
    for override in overrides:
        apply_override(document, override)
    problems = _top_level_problems(document)
    stages = document.tree.get("stages")
    if not isinstance(stages, dict) or not stages:
        raise RecipeError([*problems, document.problem(("stages",), "a recipe has at least one stage")])
    settings = document.tree.get("runtime")
    runtime = validate(Runtime, {} if settings is None else settings, ("runtime",), document, problems)
    loaded = _load_stages(stages, document, table, problems, smoke)
    problems += reference_problems(document, loaded, path.parent, catalogue)
    if not problems and runtime is not None:
        problems += [document.problem(*found) for found in relations(loaded, runtime, path.parent)]
    if problems:
        raise RecipeError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    assert runtime is not None
    return Recipe(document.tree["name"], document.tree["seed"], runtime, loaded, path, document.tree, smoke)


def _read(path: Path) -> str:
    """The file's text. Whatever the system says of a file that a user named is the user's to mend."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise RecipeError([Problem(str(path), "", "there is no such recipe")]) from None
    except IsADirectoryError:
        raise RecipeError([Problem(str(path), "", "a recipe is a file; this is a folder")]) from None
    except OSError as error:
        raise RecipeError([Problem(str(path), "", f"cannot be read: {error.strerror}")]) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message = f"not UTF-8 text (byte {content[error.start]:#04x}); save the file as UTF-8"
        raise RecipeError([Problem(f"{path}:{line}:{column}", "", message, "", line, column)]) from None


def _top_level_problems(document: Document) -> list[Problem]:
    tree = document.tree
    problems = [
        document.problem((key,), "unknown key", suggestion(key, TOP_LEVEL)) for key in tree if key not in TOP_LEVEL
    ]
    if tree.get("recipe") != FORMAT or tree["recipe"] is True:
        message = f"is {quoted(tree['recipe'])}" if "recipe" in tree else "is missing"
        problems.append(document.problem(("recipe",), f"{message}; this version reads `recipe: {FORMAT}`"))
    tree.setdefault("seed", 0)
    name = tree.get("name")
    fault = name_fault(name)
    if fault:
        problems.append(document.problem(("name",), fault if "name" in tree else "is required: runs lie in runs/NAME"))
    if not _is_seed(tree["seed"]):
        problems.append(document.problem(("seed",), _no_seed(tree["seed"])))
    return problems


def name_fault(name: Any) -> str:
    """Why `name` cannot be a run's name, that is, a folder below `runs`; empty for one that can."""
    if isinstance(name, str) and NAME.fullmatch(name):
        return ""
    return f"{quoted(name)} is no name for a folder; use up to 100 letters, digits, . _ -, a letter or digit first"


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def _no_seed(value: Any) -> str:
    return f"{quoted(value)} is not a whole number from 0 to 4294967295"


def _load_stages(
    stages: dict[str, Any], document: Document, table: Mapping[str, Stage], problems: list[Problem], smoke: bool
) -> dict[str, RecipeStage]:
    loaded: dict[str, RecipeStage] = {}
    for stage_id, settings in stages.items():
        path = ("stages", stage_id)
        if not STAGE_ID.fullmatch(stage_id):
            problems.append(
                document.problem(path, f"{quoted(stage_id)} is no id; use a-z, 0-9, _ and -, a letter first")
            )
            continue
        settings = {} if settings is None else settings
        if not isinstance(settings, dict):
            problems.append(document.problem(path, f"a stage is a mapping of settings, not {quoted(settings)}"))
            continue
        stage = _kind(stage_id, settings, table, document, problems)
        if stage is not None:
            recipe_stage = _load_stage(stage_id, stage, settings, document, problems, smoke)
            if recipe_stage is not None:
                loaded[stage_id] = recipe_stage
    return loaded


def _kind(
    stage_id: str, settings: dict[str, Any], table: Mapping[str, Stage], document: Document, problems: list[Problem]
) -> Stage | None:
    kind = settings.get("kind", stage_id)
    if stage_id in table and kind != stage_id:
        message = f"the id {stage_id!r} is a kind, so its kind is {stage_id!r}, not {quoted(kind)}"
        problems.append(document.problem(("stages", stage_id, "kind"), message, "give the stage another id"))
    elif not isinstance(kind, str) or kind not in table:
        place = ("stages", stage_id, "kind") if "kind" in settings else ("stages", stage_id)
        hint = suggestion(str(kind), table)
        if "kind" not in settings:
            hint += "; a stage whose id is no kind names it by `kind:`"
        problems.append(document.problem(place, f"there is no kind of stage {quoted(kind)}", hint))
    else:
        return table[kind]
    return None


def _load_stage(
    stage_id: str, stage: Stage, settings: dict[str, Any], document: Document, problems: list[Problem], smoke: bool
) -> RecipeStage | None:
    path = ("stages", stage_id)
    if smoke:
        for key, value in stage.smoke.items():
            set_value(document, (*path, *key.split(".")), value, f"--smoke {stage_id}.{key}={value}")
        settings = document.tree["stages"][stage_id] or {}
    seed = settings.get("seed", document.tree["seed"])
    if not _is_seed(seed) and "seed" in settings:
        problems.append(document.problem((*path, "seed"), _no_seed(seed)))
    checks = settings.get("checks", "stop")
    if checks not in ("stop", "warn"):
        problems.append(document.problem((*path, "checks"), f"{quoted(checks)} is not one of stop, warn"))
    own = {key: value for key, value in settings.items() if key not in OWN_KEYS}
    config = validate(stage.config, own, path, document, problems)
    return RecipeStage(stage_id, stage, config, seed, checks) if config is not None else None
