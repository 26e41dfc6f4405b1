"""Lay overrides (`--set KEY.KEY=VALUE`, and the settings of `--smoke`) over the tree of a recipe."""

from __future__ import annotations

from typing import Any

from pipeline.core.errors import Problem, RecipeError
from pipeline.core.yaml import Document, Path, parse, suggestion

OWN_KEYS = ("seed", "name", "runtime", "stages")
_LONGEST = 120
"""Characters of an override that an error shows."""


def apply_override(document: Document, override: str) -> None:
    """Set one value from `KEY.KEY=VALUE`, in the tree that the file gave. The value is read as YAML.

    The first key is a stage's id, or one of the recipe's own keys.

    Raises:
        RecipeError: naming the override itself.
    """
    origin = _origin(override)
    key, equals, text = override.partition("=")
    parts: list[str | int] = [int(part) if part.isdecimal() else part for part in key.strip().split(".")]
    if not equals or "" in parts:
        raise _fault(origin, "write it as KEY.KEY=VALUE")
    if not text.strip():
        raise _fault(origin, "no value after the =; write null for none")
    stages = document.tree.get("stages")
    ids = [str(stage_id) for stage_id in stages] if isinstance(stages, dict) else []
    if parts[0] in ids:
        parts = ["stages", *parts]
    elif parts[0] not in OWN_KEYS:
        raise _fault(
            origin, f"there is no stage '{parts[0]}'", suggestion(str(parts[0]), [*ids, "seed", "name", "runtime"])
        )
    elif parts[0] == "stages" and len(parts) > 1 and parts[1] not in ids:
        raise _fault(origin, f"there is no stage '{parts[1]}'", suggestion(str(parts[1]), ids))
    set_value(document, tuple(parts), _value(text, origin), origin)


def _origin(override: str) -> str:
    shown = override if len(override) <= _LONGEST else override[: _LONGEST - 3] + "..."
    return "--set " + shown.replace("\n", "\\n")


def _fault(origin: str, message: str, hint: str = "") -> RecipeError:
    return RecipeError([Problem(origin, "", message, hint)])


def _value(text: str, origin: str) -> Any:
    try:
        return parse(f"value: {text}", origin).tree["value"]
    except RecipeError as error:
        raise _fault(origin, error.problems[0].message.removeprefix("not YAML: "), error.problems[0].hint) from None


def set_value(document: Document, path: Path, value: Any, origin: str) -> None:
    """Set the value at `path`, making the mappings above it; faults found there later name `origin`.

    Raises:
        RecipeError: for a path through something that holds no keys, or beyond a list's end.
    """
    node: Any = document.tree
    taken: Path = ()
    for depth, part in enumerate(path):
        part = _place_in(node, part, taken, origin)
        taken = (*taken, part)
        if depth == len(path) - 1:
            node[part] = value
        elif isinstance(node, dict) and node.get(part) is None:
            node[part] = {}
        node = node[part]
    document.overrides[taken] = origin


def _place_in(node: Any, part: str | int, path: Path, origin: str) -> str | int:
    """`part` as `node` knows it: a key of a mapping, a place of a list."""
    above = ".".join(map(str, path))
    if isinstance(node, dict):
        return str(part)
    if not isinstance(node, list):
        raise _fault(origin, f"{above} is {node!r} and has no keys under it")
    if not isinstance(part, int) or part >= len(node):
        raise _fault(origin, f"{above} is a list of {len(node)}; {part!r} is not one of its places (the first is 0)")
    return part
