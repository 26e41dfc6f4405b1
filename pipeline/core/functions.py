"""Python functions that recipes name by `module:function`: their source is found and read, never run, by the core."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from pipeline.core.artifact import file_digest
from pipeline.core.errors import RunError


def function_fault(address: str, folder: Path) -> str:
    """Why `module:function` cannot be called, as far as its source tells; empty where nothing speaks against it.

    `folder` is the recipe's: modules are found beside it, in the working folder and on Python's path.
    """
    module, name = address.split(":")
    source = module_source(module, folder)
    if source is None:
        return f"there is no module {module!r} beside the recipe or on Python's path"
    try:
        tree = ast.parse(source.read_bytes(), str(source))
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = getattr(error, "lineno", None) or 1
        return f"{source}:{line}: not Python: {error.args[0]}"
    names = _names(tree)
    return "" if name in names or "*" in names else f"{source} defines no {name!r} at its top level"


def function_digest(address: str, folder: Path) -> str:
    """What identifies `module:function`: the digest of its module's source.

    Raises:
        RunError: when there is no such module.
    """
    source = module_source(address.split(":")[0], folder)
    if source is None:
        raise RunError(f"{address}: {function_fault(address, folder)}")
    return f"python:{address}:{file_digest(source)}"


def module_source(module: str, folder: Path) -> Path | None:
    """The file of a module. Modules beside the recipe are importable from now on, after all others."""
    _make_importable(folder)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a package above it is missing or cannot be imported; ValueError: `__main__`
        return None
    origin = Path(spec.origin) if spec and spec.origin else None
    return origin if origin and origin.suffix == ".py" and origin.exists() else None


_BESIDE: list[str] = []
"""What was added to Python's path for the recipe that was read last."""


def _make_importable(folder: Path) -> None:
    """Add `folder` and the working folder to the end of Python's path, in place of those of an earlier recipe."""
    for place in _BESIDE:
        if place in sys.path:
            sys.path.remove(place)
    _BESIDE[:] = [place for place in dict.fromkeys((str(folder.resolve()), os.getcwd())) if place not in sys.path]
    sys.path.extend(_BESIDE)
    importlib.invalidate_caches()


def _names(tree: ast.Module) -> set[str]:
    """What a module binds at its top level, however deep in its `if` and `try`; `*` where the source cannot tell."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add("*" if node.name == "__getattr__" else node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
