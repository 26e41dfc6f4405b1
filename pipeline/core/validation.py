"""Lay a recipe's settings into a config type; pydantic's findings as ours, one for each place, in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.core.errors import Problem, SettingError
from pipeline.core.references import Reference
from pipeline.core.yaml import Document, Path, suggestion

Model = TypeVar("Model", bound=BaseModel)


def validate(
    model: type[Model], settings: Any, path: Path, document: Document, problems: list[Problem]
) -> Model | None:
    """The config that the `settings` at `path` make; None if they are faulty, with the faults in `problems`."""
    try:
        # By way of JSON, where pydantic's strict mode takes lists for tuples but no text for numbers.
        return model.model_validate_json(json.dumps(settings), strict=True)
    except ValidationError as error:
        problems += _problems_of(error, settings, path, document, model)
        return None


def shown(value: Any) -> str:
    """A value as a recipe writes it, in at most 60 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 60 else written[:57] + "..."


def quoted(value: Any) -> str:
    """The same, for a name or a choice: text in single quotes."""
    return f"'{shown(value)[1:-1]}'" if isinstance(value, str) else shown(value)


@dataclass
class _Finding:
    """What is wrong at one place; the branches of a union each say what they would have taken."""

    value: Any
    wanted: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    hint: str = ""

    def message(self) -> str:
        parts = list(dict.fromkeys(self.messages))
        if self.wanted:
            parts.append(f"must be {', or '.join(dict.fromkeys(self.wanted))}, but is {shown(self.value)}")
        return ", or ".join(parts)


def _problems_of(
    error: ValidationError, settings: Any, path: Path, document: Document, model: type[BaseModel]
) -> list[Problem]:
    found: dict[Path, _Finding] = {}
    for detail in error.errors():
        location = _location(settings, detail, (document, path))
        _note(found.setdefault(location, _Finding(detail["input"])), detail, model, location)
    for location in list(found):
        deeper = any(other != location and other[: len(location)] == location for other in found)
        if not found[location].messages and (deeper or not found[location].wanted):
            del found[location]  # one branch of a union refused the whole where another looked into it
    return [document.problem((*path, *place), finding.message(), finding.hint) for place, finding in found.items()]


def _location(settings: Any, detail: ErrorDetails, where: tuple[Document, Path]) -> Path:
    """The error's location as keys of the recipe, without the names that pydantic adds for unions and validators."""
    location: list[str | int] = []
    node: Any = settings
    for part in detail["loc"]:
        if (isinstance(node, dict) and part in node) or (isinstance(node, list) and isinstance(part, int)):
            node = node[part]  # pyright: ignore[reportArgumentType, reportCallIssue]
            location.append(part)
        elif part == detail["loc"][-1] and detail["type"] == "missing":
            location.append(part)
    fault = detail.get("ctx", {}).get("error")
    return (*location, *_named(fault, tuple(location), where)) if isinstance(fault, SettingError) else tuple(location)


def _named(fault: SettingError, location: Path, where: tuple[Document, Path]) -> Path:
    """The one of the settings that a validator named at which the fault is shown: an overridden one, or the first."""
    document, path = where
    paths: list[Path] = [tuple(name.split(".")) for name in fault.settings]
    return next((inner for inner in paths if (*path, *location, *inner) in document.overrides), paths[0])


def _note(finding: _Finding, detail: ErrorDetails, model: type[BaseModel], location: Path) -> None:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        finding.messages.append("unknown key")
        groups = list(_groups_at(model, location[:-1]))
        finding.hint = suggestion(str(location[-1]), groups[0].model_fields if groups else ())
    elif kind == "missing":
        finding.messages.append("is required")
    elif kind == "value_error":
        finding.messages.append(str(context["error"]))
    elif kind == "too_short" and isinstance(value, list) and len(value) >= context["min_length"]:
        pass  # pydantic counts the items that passed; those that did not have findings of their own
    elif kind in ("too_short", "string_too_short"):
        finding.messages.append(
            f"must have at least {context['min_length']} {'item' if kind == 'too_short' else 'character'}"
        )
    elif kind == "model_type":
        finding.wanted.append(_mapping(model, location))
    elif kind in _WANTED:
        finding.wanted.append(_WANTED[kind].format(**context))
        if kind in ("int_from_float", "int_type") and isinstance(value, float):
            finding.hint = f"write {value:.0f}" if value.is_integer() and value < 10**15 else ""
    else:
        finding.messages.append(f"{detail['msg']} ({shown(value)})")


_WANTED = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number", "float_type": "a number", "float_parsing": "a number",
    "bool_type": "true or false", "string_type": "text", "dict_type": "a mapping", "model_attributes_type": "a mapping",
    "tuple_type": "a list", "list_type": "a list", "none_required": "null", "literal_error": "one of {expected}",
    "greater_than": "greater than {gt}", "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}", "less_than_equal": "at most {le}",
}  # fmt: skip


def _mapping(model: type[BaseModel], location: Path) -> str:
    groups = list(_groups_at(model, location))
    if groups and issubclass(groups[0], Reference):
        return "an address such as './path'"
    if not groups:
        return "a mapping"
    keys = list(groups[0].model_fields)
    return f"a mapping with the keys {', '.join(keys[:6])}{', …' if len(keys) > 6 else ''}"


def _groups_at(model: type[BaseModel], keys: Sequence[str | int]) -> Iterator[type[BaseModel]]:
    """The groups of settings that may stand at `keys` of `model`."""
    annotations: list[Any] = [model]
    for key in keys:
        inner: list[Any] = []
        for annotation in annotations:
            if isinstance(key, int):
                inner += _items(annotation)
            else:
                inner += [g.model_fields[key].annotation for g in _groups_in(annotation) if key in g.model_fields]
        annotations = inner
    for annotation in annotations:
        yield from _groups_in(annotation)


def _groups_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The groups of settings in an annotation, outside of its lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (list, tuple):
        for argument in getattr(annotation, "__args__", ()):
            yield from _groups_in(argument)


def _items(annotation: Any) -> list[Any]:
    """The annotations of what stands in an annotation's lists."""
    arguments = list(getattr(annotation, "__args__", ()))
    if get_origin(annotation) in (list, tuple):
        return arguments
    return [item for argument in arguments for item in _items(argument)]
