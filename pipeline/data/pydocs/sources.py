"""Read what the standard library says about itself, from its source files.

Files are parsed, never imported: reading a module must not run it. What is made of the definitions is `rows`' affair.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.core.errors import DataError
from pipeline.data.pydocs.signatures import Function, Signature, read_signature

SKIPPED = frozenset(
    (
        *("test", "tests", "idlelib", "lib2to3", "turtledemo", "ensurepip"),
        *("site-packages", "dist-packages", "lib-dynload", "encodings", "pydoc_data"),
    )
)
"""Folders that hold no prose of the library's own; `encodings` is one generated sentence a hundred times over."""

Kind = Literal["module", "class", "function"]


@dataclass(frozen=True)
class Definition:
    """A module, class or function of the standard library."""

    kind: Kind
    module: str
    """`json.encoder`"""
    path: str
    """Its name inside the module, `JSONEncoder.encode`; empty for the module itself."""
    source: str
    """The file it stands in, relative to the library's folder."""
    docstring: str
    """Cleaned of its indentation; empty when there is none."""
    signature: Signature | None = None
    """Of functions only."""

    @property
    def qualified_name(self) -> str:
        """`json.encoder.JSONEncoder.encode`"""
        return f"{self.module}.{self.path}" if self.path else self.module

    @property
    def name(self) -> str:
        """The last part of the qualified name."""
        return self.qualified_name.rsplit(".", 1)[-1]

    @property
    def header(self) -> str:
        """The line that introduces it: `json.dump(obj, fp, indent=None)`, `class json.JSONEncoder`, `module json`."""
        if self.signature is not None:
            return f"{self.qualified_name}({self.signature.text})"
        return f"{self.kind} {self.qualified_name}"


def library_folder() -> Path:
    """Where the standard library of the running Python lies."""
    return Path(sysconfig.get_path("stdlib"))


@functools.cache
def definitions(folder: Path | None = None) -> tuple[Definition, ...]:
    """Every module, class and function that can be reached by name, sorted by file, then in the order of the file.

    Of two definitions with one name (a property and its setter) the first counts. Takes some three seconds, once.

    Raises:
        DataError: if `folder` (the library's, when left out) holds no Python source.
    """
    folder = folder or library_folder()
    found: dict[str, Definition] = {}
    for file in sorted(folder.rglob("*.py")):
        source = file.relative_to(folder)
        if not SKIPPED.intersection(source.parts):
            for definition in read_definitions(file.read_bytes(), source):
                found.setdefault(definition.qualified_name, definition)
    if not found:
        raise DataError(
            f"{folder}: no Python source files; this Python came without its library's text, use one that has it"
        )
    return tuple(found.values())


def read_definitions(code: bytes, source: Path) -> Iterator[Definition]:
    """The definitions of one file: the module, then what it defines, functions inside functions left out."""
    tree = ast.parse(code)
    parts = source.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    yield Definition("module", module, "", source.as_posix(), _docstring(tree))
    yield from _inside(tree, module, "", source.as_posix())


def _inside(parent: ast.Module | ast.ClassDef, module: str, prefix: str, source: str) -> Iterator[Definition]:
    for node in _statements(parent.body):
        if isinstance(node, ast.ClassDef):
            yield Definition("class", module, prefix + node.name, source, _docstring(node))
            yield from _inside(node, module, f"{prefix}{node.name}.", source)
        elif isinstance(node, Function):
            bound = isinstance(parent, ast.ClassDef) and "staticmethod" not in map(ast.unparse, node.decorator_list)
            signature = read_signature(node, bound=bound)
            yield Definition("function", module, prefix + node.name, source, _docstring(node), signature)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements, those under `if` and `try` included: much of the library is defined for one platform only."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _statements(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _statements(node.body + node.orelse)
            for handler in node.handlers:
                yield from _statements(handler.body)


def _docstring(node: ast.Module | ast.ClassDef | Function) -> str:
    return (ast.get_docstring(node, clean=True) or "").strip()


@functools.cache
def topics() -> dict[str, str]:
    """The texts behind `help("TOPIC")`, by topic; empty where the distribution left them out."""
    file = library_folder() / "pydoc_data" / "topics.py"
    if not file.is_file():
        return {}
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "topics":
            return {name: inspect.cleandoc(text) for name, text in sorted(ast.literal_eval(node.value).items())}
    return {}
