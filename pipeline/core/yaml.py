"""Read YAML 1.2 with the place of every key, as a plain tree (dict, list, str, int, float, bool, None).

ruamel.yaml splits the text into events; they are put together here, so that depth and size are bounded and scalars mean
what the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2, chapter 10.3) says: `1e-4` is a number, `no` is text.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as yaml_events
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from pipeline.core.errors import Problem, RecipeError

Path = tuple[str | int, ...]

DEEPEST = 32
"""Levels of a recipe; deeper text is no recipe."""
MOST_VALUES = 10_000
"""Values of a recipe, aliases written out: a few lines of aliases of aliases can stand for more than a memory holds."""
LONGEST_NUMBER = 40

_NULL = ("", "~", "null", "Null", "NULL")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_PLAINER = {
    "mapping values are not allowed": "a second ': ' on this line; quote a value that holds one, and close every quote",
    "could not find expected ':'": "no 'key: value' here; write a space after the colon",
    "expected <block end>": "this indentation fits no line above; indent by as many spaces as the lines beside it",
    "expected ',' or ']'": "the list is not closed; write a ] at its end, a comma between its items",
    "expected ',' or '}'": "the mapping is not closed; write a } at its end, a comma between its keys",
    "found character '\\t'": "a tab; YAML takes spaces only",
    "that cannot start any token": "a value cannot start with this character; quote it",
    "expected the node content": "a value is cut off; close the bracket or the quote",
    "found unexpected end of stream": "the text ends inside a quoted value; close the quote",
    "found unknown escape": "no such escape in a double-quoted value; write \\\\ for a backslash",
    "alphabetic or numeric character": "& and * name anchors in YAML; quote the value",
}  # fmt: skip
"""What ruamel says of common mistakes, in words that help."""


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
        if path not in self.places:
            for inner, override in self.overrides.items():
                if inner[: len(path)] == path:  # the override made all that lies between
                    return Problem(override, dotted, message, hint)
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
    document = Document(name, {})
    builder = _Builder(document, text)
    try:
        tree = builder.document()
    except MarkedYAMLError as error:
        raise RecipeError([_syntax_problem(name, error, text)]) from None
    except ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        where = _place(text, text.find(character))
        raise RecipeError(
            [_at(name, *where, f"the character {character!r} has no place in a text; remove it")]
        ) from None
    if builder.problems:
        raise RecipeError(builder.problems)
    if not isinstance(tree, dict):
        message = "the file is empty" if tree is None else "the file is not a mapping"
        raise RecipeError([_at(name, 1, 1, f"{message}; a recipe has the keys recipe, name, stages")])
    document.tree = tree
    return document


def _syntax_problem(name: str, error: MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return _at(name, line, column, "a tab indents this line; YAML takes spaces only")
    said = " ".join(str(error.problem or error.context).split())
    plainer = next((words for theirs, words in _PLAINER.items() if theirs in said), said)
    opened = error.context_mark
    if opened and "closed" in plainer and "second" not in plainer:
        plainer += f" (it opens at {opened.line + 1}:{opened.column + 1})"
    return _at(name, line, column, f"not YAML: {plainer}")


def _at(name: str, line: int, column: int, message: str) -> Problem:
    return Problem(f"{name}:{line}:{column}", "", message, "", line, column)


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    before = text[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1


class _Builder:
    """Puts ruamel's events together: values into the tree, places into the document, what has no meaning aside."""

    def __init__(self, document: Document, text: str) -> None:
        self.out = document
        self.text = text
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, int] | None] = {}
        """Each anchored value with the number of values in it; None while it is being read."""
        self.values = 0

    def document(self) -> Any:
        """The value of the one document."""
        self.events: Iterator[Any] = iter(YAML(typ="rt", pure=True).parse(self.text))
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, yaml_events.StreamEndEvent):
            return None
        if event.version or event.tags:
            self._stop(event, "a directive; a recipe is plain YAML 1.2, so leave out the line that starts with %")
        tree = self._value(next(self.events), ())
        next(self.events)  # the document's end
        event = next(self.events)
        if not isinstance(event, yaml_events.StreamEndEvent):
            self._stop(event, "a second document; a recipe is one, so remove the line ---")
        return tree

    def _stop(self, event: Any, message: str) -> None:
        mark = event.start_mark
        raise RecipeError([*self.problems, _at(self.out.name, mark.line + 1, mark.column + 1, message)])

    def _value(self, event: Any, path: Path) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            self._stop(event, f"more than {MOST_VALUES:,} values, aliases written out; no recipe is so long")
        if len(path) > DEEPEST:
            self._stop(event, f"more than {DEEPEST} levels deep; is a bracket not closed?")
        if isinstance(event, yaml_events.AliasEvent):
            return self._alias(event, path)
        before = self.values
        if event.anchor:
            self.anchors[event.anchor] = None
        if event.tag:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self._problem(path, f"the tag {tag} has no meaning in a recipe", "quote the value if it is text")
        if isinstance(event, yaml_events.MappingStartEvent):
            value: Any = self._mapping(path)
        elif isinstance(event, yaml_events.SequenceStartEvent):
            value = self._list(path)
        else:
            value = self._scalar(event, path)
        if event.anchor:
            self.anchors[event.anchor] = (value, self.values - before + 1)
        return value

    def _mapping(self, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml_events.MappingEndEvent):
            place = (event.start_mark.line + 1, event.start_mark.column + 1)
            key = self._key(event, path)
            if key in mapping:
                self.problems.append(
                    _at(self.out.name, *place, f"found duplicate key {_short(key)}; keep one of the two")
                )
                self._value(next(self.events), path)
                continue
            self.out.places[(*path, key)] = place
            mapping[key] = self._value(next(self.events), (*path, key))
        return mapping

    def _key(self, event: Any, path: Path) -> str:
        """The key's text; a fault of the key is one of the mapping that it stands in."""
        where = (event.start_mark.line + 1, event.start_mark.column + 1)
        key = self._value(event, path) if not isinstance(event, yaml_events.AliasEvent) else event.anchor
        if isinstance(event, yaml_events.ScalarEvent) and key == "<<":
            message = (
                "merge keys are no part of YAML 1.2; write the settings out, or give one key an alias: `train: *x`"
            )
            self.problems.append(_at(self.out.name, *where, message))
        elif not isinstance(key, str) or isinstance(event, yaml_events.AliasEvent):
            written = event.value if isinstance(event, yaml_events.ScalarEvent) else str(key)
            self.problems.append(_at(self.out.name, *where, f"the key {_short(written)} is not text; quote it"))
        return str(key)

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml_events.SequenceEndEvent):
            item = (*path, len(items))
            self.out.places[item] = (event.start_mark.line + 1, event.start_mark.column + 1)
            items.append(self._value(event, item))
        return items

    def _alias(self, event: Any, path: Path) -> Any:
        if event.anchor not in self.anchors:
            self._stop(event, f"no anchor &{event.anchor} above; quote the value if the * is text")
        anchored = self.anchors[event.anchor]
        if anchored is None:
            self._stop(event, f"the alias *{event.anchor} stands inside what it stands for")
        assert anchored is not None
        value, size = anchored
        self.values += size - 1
        if self.values > MOST_VALUES:
            self._stop(event, f"more than {MOST_VALUES:,} values, aliases written out; no recipe is so long")
        return copy.deepcopy(value)

    def _scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if event.style is not None or event.tag:
            return self._text(text, path)
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if (_INT.fullmatch(text) or _FLOAT.fullmatch(text)) and len(text) > LONGEST_NUMBER:
            self._problem(path, f"a number of {len(text)} characters", f"write at most {LONGEST_NUMBER}")
            return 0
        if _INT.fullmatch(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text[2:] if base != 10 else text, base)
        if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and float(text) in (float("inf"), float("-inf"))):
            self._problem(path, f"{text} is not a finite number")
            return 0.0
        return float(text) if _FLOAT.fullmatch(text) else self._text(text, path)

    def _text(self, text: str, path: Path) -> str:
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._problem(path, f"{text!a} holds half of a surrogate pair", "correct the escape")
            return ""
        return text

    def _problem(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(self.out.problem(path, message, hint))


def _short(text: str) -> str:
    """Text in quotes, at most 40 characters of it."""
    return json.dumps(text if len(text) <= 40 else text[:37] + "...", ensure_ascii=False)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the list of what is known when nothing is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known)}" if known else ""
