"""A function's arguments as its caller sees them, and the line that shows them. Annotations are left out."""

from __future__ import annotations

import ast
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Signature:
    """The arguments of one function, without the `self` or `cls` that Python fills in."""

    positional: tuple[str, ...]
    """Names that may be given by position, in order."""
    variable: str | None
    """The name behind `*`, when the function takes any number of arguments."""
    keyword_only: tuple[str, ...]
    keywords: str | None
    """The name behind `**`."""
    text: str
    """All of it in Python's notation, with defaults, without the brackets: `obj, *, skipkeys=False`."""

    @property
    def named(self) -> tuple[str, ...]:
        """The arguments that have a name of their own: all but `*args` and `**kwargs`."""
        return self.positional + self.keyword_only


def read_signature(node: Function, *, bound: bool) -> Signature:
    """The signature of a function; `bound` says that its first argument is filled in by Python."""
    arguments = node.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    keyword_only = tuple(argument.arg for argument in arguments.kwonlyargs)
    filled_in = bound and bool(positional)
    return Signature(
        positional=tuple(positional[filled_in:]),
        variable=arguments.vararg.arg if arguments.vararg else None,
        keyword_only=keyword_only,
        keywords=arguments.kwarg.arg if arguments.kwarg else None,
        text=", ".join(_parts(arguments)[filled_in:]),
    )


def _parts(arguments: ast.arguments) -> list[str]:
    """The arguments and marks between the commas; the mark `/` is left out, which callers seldom need."""
    plain = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    first_default = len(plain) - len(arguments.defaults)
    parts = plain[:first_default]
    parts += [_with_default(name, value) for name, value in zip(plain[first_default:], arguments.defaults, strict=True)]
    if arguments.vararg:
        parts.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += [
        _with_default(argument.arg, value)
        for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        parts.append(f"**{arguments.kwarg.arg}")
    return parts


def _with_default(name: str, default: ast.expr | None) -> str:
    return name if default is None else f"{name}={ast.unparse(default)}"
