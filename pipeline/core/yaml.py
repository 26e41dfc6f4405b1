"""Read YAML 1.2 with the place of every key, and lay overrides over it.

The tree that comes out is plain (dict, list, str, int, float, bool, None); where each key stood is kept beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from pipeline.core.errors import Problem, RecipeError

Path = tuple[str | int, ...]
Plain = TypeVar("Plain", int, float)


@dataclass
class Document:
    """A YAML file as a plain tree, with the place of each key."""

    name: str
    """How messages name the file."""
    tree: dict[str, Any]
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Line and column, from 1, of the key (or list item) at each path."""
    overrides: dict[Path, str] = field(default_factory=dict)
    """The override that set the value at a path, as it was given."""

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """A fault at `path`, placed at the override that set it or at the nearest key that the file holds."""
        dotted = ".".join(str(part) for part in path)
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return Problem(self.overrides[path[:length]], dotted, message, hint)
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                line, column = self.places[path[:length]]
                return Problem(f"{self.name}:{line}:{column}", dotted, message, hint, line, column)
        return Problem(f"{self.name}:1:1", dotted, message, hint, 1, 1)


def parse(text: str, name: str) -> Document:
    """Parse YAML text whose top level is a mapping.

    Raises:
        RecipeError: for anything that is not such YAML, with line and column.
    """
    try:
        root = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        raise _broken(name, error, (error.problem or "").split(" with value")[0]) from None
    except MarkedYAMLError as error:
        raise _broken(name, error, _explain(error, text)) from None
    except YAMLError as error:
        raise RecipeError([Problem(f"{name}:1:1", "", f"not YAML: {str(error).splitlines()[0]}")]) from None
    document = Document(name, {})
    if not isinstance(root, CommentedMap):
        raise RecipeError([Problem(f"{name}:1:1", "", "a recipe is a mapping with the keys recipe, name, stages")])
    problems: list[Problem] = []
    document.tree = _plain(root, (), document, problems)
    if problems:
        raise RecipeError(problems)
    return document


def _explain(error: MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab indents this line; YAML takes spaces only"
    return f"not YAML: {error.problem or error.context}"


def _broken(name: str, error: MarkedYAMLError, message: str) -> RecipeError:
    mark = error.problem_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return RecipeError([Problem(f"{name}:{line}:{column}", "", message, "", line, column)])


def _plain(node: Any, path: Path, document: Document, problems: list[Problem]) -> Any:
    if isinstance(node, CommentedMap):
        mapping: dict[str, Any] = {}
        for key, value in node.items():
            line, column = node.lc.key(key)
            document.places[(*path, str(key))] = (line + 1, column + 1)
            if not isinstance(key, str):
                problems.append(document.problem((*path, str(key)), f"the key {key!r} is not text", "quote it"))
            mapping[str(key)] = _plain(value, (*path, str(key)), document, problems)
        return mapping
    if isinstance(node, CommentedSeq):
        items: list[Any] = []
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            document.places[(*path, index)] = (line + 1, column + 1)
            items.append(_plain(value, (*path, index), document, problems))
        return items
    return _scalar(node, path, document, problems)


def _scalar(node: Any, path: Path, document: Document, problems: list[Problem]) -> Any:
    if node is None or isinstance(node, bool):
        return node
    if type(node).__name__ == "ScalarBoolean":
        return bool(node)
    for plain in (int, float, str):
        if isinstance(node, plain):
            value = plain(node)
            if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
                problems.append(document.problem(path, f"{node} is not a finite number"))
            return value
    kind = "a tag" if type(node).__name__ == "TaggedScalar" else f"a {type(node).__name__}"
    problems.append(document.problem(path, f"{kind} has no meaning in a recipe", "quote the value if it is text"))
    return None


def apply_override(document: Document, override: str) -> None:
    """Set one value from `KEY.KEY=VALUE`, in the tree that the file gave. The value is read as YAML.

    The first key is a stage's id, or one of the recipe's own keys.

    Raises:
        RecipeError: naming the override itself.
    """
    origin = f"--set {override}"
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError([Problem(origin, "", "write it as KEY.KEY=VALUE")])
    parts: list[str | int] = [int(part) if part.isdigit() else part for part in key.strip().split(".")]
    if parts[0] in document.tree.get("stages", {}):
        parts = ["stages", *parts]
    elif parts[0] not in ("seed", "name", "runtime", "stages"):
        known = [*document.tree.get("stages", {}), "seed", "name", "runtime"]
        raise RecipeError([Problem(origin, "", f"there is no stage {parts[0]!r}", suggestion(str(parts[0]), known))])
    try:
        value = parse(f"value: {text}", origin).tree["value"]
    except RecipeError:
        raise RecipeError([Problem(origin, "", f"{text!r} is not a YAML value")]) from None
    _set(document.tree, tuple(parts), value, origin)
    document.overrides[tuple(parts)] = origin


def _set(tree: Any, path: Path, value: Any, origin: str) -> None:
    for depth, part in enumerate(path[:-1]):
        if isinstance(tree, list):
            _demand_item(tree, part, origin, path[:depth])
            tree = tree[int(part)]
        elif isinstance(tree, dict):
            if tree.get(str(part)) is None:
                tree[str(part)] = {}
            tree = tree[str(part)]
        else:
            place = ".".join(map(str, path[:depth]))
            raise RecipeError([Problem(origin, "", f"{place} is {tree!r} and has no keys under it")])
    if isinstance(tree, list):
        _demand_item(tree, path[-1], origin, path[:-1])
        tree[int(path[-1])] = value
    elif isinstance(tree, dict):
        tree[str(path[-1])] = value
    else:
        raise RecipeError(
            [Problem(origin, "", f"{'.'.join(map(str, path[:-1]))} is {tree!r} and has no keys under it")]
        )


def _demand_item(items: list[Any], part: str | int, origin: str, path: Path) -> None:
    if not isinstance(part, int) or part >= len(items):
        place = ".".join(map(str, path))
        raise RecipeError(
            [Problem(origin, "", f"{place} is a list of {len(items)}; {part!r} is not one of its places")]
        )


def set_value(document: Document, path: Path, value: Any, origin: str) -> None:
    """Set the value at `path`; faults found there later name `origin`."""
    _set(document.tree, path, value, origin)
    document.overrides[path] = origin


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of what is known when nothing is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known)}" if known else ""
