"""A recipe: a name, a seed, and stages by id, each with a kind, its inputs and its settings.

Loading checks everything that can be known before a run, without importing torch, and reports all faults at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.core.errors import Problem, RecipeError
from pipeline.core.reference_checks import BuiltinCatalogue, reference_problems
from pipeline.core.references import STAGE_ID
from pipeline.core.stage import Runtime, Stage, StageConfig
from pipeline.core.yaml import Document, apply_override, parse, set_value, suggestion
from pipeline.core.yaml import Path as KeyPath

FORMAT = 1
TOP_LEVEL = ("recipe", "name", "seed", "runtime", "stages")
OWN_KEYS = ("kind", "seed", "checks")
"""Keys of a stage that are the core's, not its config's."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RecipeStage:
    """One stage as a recipe asks for it."""

    id: str
    stage: Stage
    config: StageConfig
    seed: int
    checks: Literal["stop", "warn"] = "stop"
    """Whether a failed check stops the stages that would consume the artifact."""


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
) -> Recipe:
    """Read and check a recipe.

    `table` holds the kinds of stages, `catalogue` the builtin names by (family, name). With `smoke`, each kind's
    smallest settings are laid over the recipe's.

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
    runtime = _validate(Runtime, document.tree.get("runtime") or {}, ("runtime",), document, problems)
    loaded = _load_stages(stages, document, table, problems, smoke)
    problems += reference_problems(document, loaded, path.parent, catalogue)
    if problems:
        raise RecipeError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    assert runtime is not None
    return Recipe(document.tree["name"], document.tree["seed"], runtime, loaded, path, document.tree, smoke)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError([Problem(str(path), "", "there is no such recipe")]) from None
    except IsADirectoryError:
        raise RecipeError([Problem(str(path), "", "a recipe is a file; this is a folder")]) from None
    except UnicodeDecodeError as error:
        raise RecipeError([Problem(str(path), "", f"not UTF-8 text: {error.reason} at byte {error.start}")]) from None


def _top_level_problems(document: Document) -> list[Problem]:
    tree = document.tree
    problems = [
        document.problem((key,), "unknown key", suggestion(key, TOP_LEVEL)) for key in tree if key not in TOP_LEVEL
    ]
    if tree.get("recipe") != FORMAT:
        problems.append(
            document.problem(("recipe",), f"is {tree.get('recipe')!r}; this version reads `recipe: {FORMAT}`")
        )
    name = tree.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        problems.append(document.problem(("name",), f"{name!r} is no name for a folder; use letters, digits, . _ -"))
    tree.setdefault("seed", 0)
    if not _is_seed(tree["seed"]):
        problems.append(document.problem(("seed",), f"{tree['seed']!r} is not a whole number from 0 to 4294967295"))
    return problems


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def _load_stages(
    stages: dict[str, Any], document: Document, table: Mapping[str, Stage], problems: list[Problem], smoke: bool
) -> dict[str, RecipeStage]:
    loaded: dict[str, RecipeStage] = {}
    for stage_id, settings in stages.items():
        path = ("stages", stage_id)
        if not STAGE_ID.fullmatch(stage_id):
            problems.append(document.problem(path, f"{stage_id!r} is no id; use a-z, 0-9, _ and -, a letter first"))
            continue
        settings = {} if settings is None else settings
        if not isinstance(settings, dict):
            problems.append(document.problem(path, f"a stage is a mapping of settings, not {settings!r}"))
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
        message = f"the id {stage_id!r} is a kind, so its kind is {stage_id!r}, not {kind!r}"
        problems.append(document.problem(("stages", stage_id, "kind"), message, "give the stage another id"))
    elif kind not in table:
        place = ("stages", stage_id, "kind") if "kind" in settings else ("stages", stage_id)
        problems.append(document.problem(place, f"there is no kind of stage {kind!r}", suggestion(str(kind), table)))
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
        problems.append(document.problem((*path, "seed"), f"{seed!r} is not a whole number from 0 to 4294967295"))
    checks = settings.get("checks", "stop")
    if checks not in ("stop", "warn"):
        problems.append(document.problem((*path, "checks"), f"{checks!r} is not one of stop, warn"))
    own = {key: value for key, value in settings.items() if key not in OWN_KEYS}
    config = _validate(stage.config, own, path, document, problems)
    return RecipeStage(stage_id, stage, config, seed, checks) if config is not None else None


def _validate(model: type[BaseModel], settings: Any, path: KeyPath, document: Document, problems: list[Problem]) -> Any:
    try:
        # By way of JSON, where pydantic's strict mode takes lists for tuples but no text for numbers.
        return model.model_validate_json(json.dumps(settings), strict=True)
    except ValidationError as error:
        problems += problems_of(error, settings, path, document, model)
        return None


def problems_of(
    error: ValidationError, settings: Any, path: KeyPath, document: Document, model: type[BaseModel]
) -> list[Problem]:
    """Pydantic's findings as ours: one for each place, with the nearest valid name for an unknown key."""
    found: dict[KeyPath, Problem] = {}
    for detail in error.errors():
        location, keys = _within(settings, detail)
        message, hint = _say(detail, model, keys)
        place = (*path, *location)
        if place in found:  # the branches of a union each say what they would have taken
            message = f"{found[place].message}, or {message}"
        found[place] = document.problem(place, message, hint)
    return list(found.values())


def _within(settings: Any, detail: ErrorDetails) -> tuple[KeyPath, KeyPath]:
    """The error's location as keys of the recipe, without the names that pydantic adds for unions and validators."""
    location: list[str | int] = []
    node: Any = settings
    for part in detail["loc"]:
        if (isinstance(node, dict) and part in node) or (isinstance(node, list) and isinstance(part, int)):
            node = node[part]  # pyright: ignore[reportArgumentType, reportCallIssue]
            location.append(part)
        elif part == detail["loc"][-1] and detail["type"] == "missing":
            location.append(part)
    return tuple(location), tuple(location)


def _say(detail: ErrorDetails, model: type[BaseModel], keys: KeyPath) -> tuple[str, str]:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key", suggestion(str(keys[-1]), _fields_at(model, keys[:-1]))
    if kind == "missing":
        return "is required", ""
    if kind == "value_error":
        return str(context["error"]), ""
    expectations: dict[str, str] = {
        "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
        "float_type": "a number", "float_parsing": "a number", "bool_type": "true or false", "string_type": "text",
        "dict_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping",
        "tuple_type": "a list", "list_type": "a list", "none_required": "null",
        "literal_error": f"one of {context.get('expected')}",
        "greater_than": f"greater than {context.get('gt')}", "greater_than_equal": f"at least {context.get('ge')}",
        "less_than": f"less than {context.get('lt')}", "less_than_equal": f"at most {context.get('le')}",
    }  # fmt: skip
    expected = expectations.get(kind)
    shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, dict | list) else "a mapping or list"
    return (f"must be {expected}, but is {shown}", "") if expected else (f"{detail['msg']} ({shown})", "")


def _fields_at(model: type[BaseModel], keys: KeyPath) -> Sequence[str]:
    """The names that are valid beside an unknown key: those of the settings group at `keys`."""
    for key in keys:
        if isinstance(key, str) and key in model.model_fields:
            inner = list(_models_in(model.model_fields[key].annotation))
            if inner:
                model = inner[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
