"""What a stage may take in: references as a recipe writes them, and what they resolve to.

A bare word is the id of an earlier stage, `./path` a file or folder beside the recipe (of data also a pattern,
`./text/**/*.md`), `s3://…`, `https://…` and the like what fsspec reads there, `hf://org/name@revision` a
model, `hf://datasets/org/name@revision` a data set, `builtin:name` something that ships with the package, and
`module:function` a Python function.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from pipeline.core.remote import URL, RemoteFile

if TYPE_CHECKING:
    from pipeline.core.artifact import Artifact

Scheme = Literal["stage", "path", "hf", "url", "builtin", "python"]

STAGE_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")


_FORMS: dict[Scheme, str] = {
    "stage": "an earlier stage's id",
    "path": "'./path'",
    "hf": "'hf://org/name'",
    "url": "'https://…'",
    "builtin": "'builtin:name'",
    "python": "'module:function'",
}


def scheme_of(address: str) -> Scheme:
    """The kind of address `address` is, read from its form alone.

    Raises:
        ValueError: if it has none of the known forms.
    """
    if address.startswith("hf://"):
        return "hf"
    if URL.match(address):
        return "url"
    if address.startswith("builtin:"):
        return "builtin"
    if "/" in address:
        return "path"
    if STAGE_ID.fullmatch(address):
        return "stage"
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", address):
        return "python"
    raise ValueError(
        f"{address!r} is no address: write the id of an earlier stage, './path', 'hf://org/name', 'builtin:name' "
        "or 'module:function'"
    )


class Reference(BaseModel):
    """One input as the recipe names it. A plain string stands for `{path: string}`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    path: str
    """The address: a stage's id, `./path`, `hf://…`, `builtin:…` or `module:function`; of data also a pattern of files
    (`./text/**/*.md`), or a URL (`s3://…`, `https://…`)."""

    @property
    def scheme(self) -> Scheme:
        """The kind of address."""
        return scheme_of(self.path)


class DataReference(Reference):
    """A data set, with the parts of it that are meant."""

    name: str | None = None
    """The configuration (subset) of a data set on the Hub."""
    split: str | None = None
    """The split to read; the source's own default when left out."""
    columns: dict[str, str] = {}
    """Our column names to the source's: `{text: content}` reads the source's `content` as `text`."""


@dataclass(frozen=True)
class Accepts:
    """Which addresses an input takes; stands in the field's annotation."""

    schemes: frozenset[str]
    types: tuple[type[Artifact], ...] = ()
    builtins: str | None = None
    """The family of builtin names that fit, as the catalogue lists them: data, judge, task."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let the JSON Schema of recipes see, at any depth of an annotation, what the input takes."""
        schema = handler(source)
        schema["metadata"] = {**schema.get("metadata", {}), "accepts": self}
        return schema

    def describe(self) -> str:
        """What the input needs, in words, for errors."""
        return " or ".join(kind.__name__ for kind in self.types) or self.builtins or "data"

    def forms(self) -> str:
        """The addresses that the input takes, in words, for errors."""
        forms = [_FORMS[scheme] for scheme in _FORMS if scheme in self.schemes]
        return ", ".join(forms).replace("hf://org", "hf://datasets/org" if self.builtins == "data" else "hf://org")


def accepts(*types: type[Artifact], schemes: str, builtins: str | None = None) -> Accepts:
    """An input that takes stages whose output is one of `types`, and addresses of the `schemes` (space-separated)."""
    return Accepts(frozenset(schemes.split()), types, builtins)


def _from_text(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


FromText = BeforeValidator(_from_text)
"""Lets a plain string stand for a reference."""


@dataclass(frozen=True)
class Resolved:
    """An input that is not a stage's output: where it really is, and what identifies it."""

    address: str
    """As the recipe names it."""
    scheme: Scheme
    fingerprint: str
    """Identity of the content: digest of files, commit on the Hub, version of a builtin, source of a function."""
    path: Path | None = None
    """The file or folder, for `path` addresses."""
    pattern: str | None = None
    """Which files below the folder are meant (`**/*.md`), where the address is a pattern; all when left out."""
    files: tuple[RemoteFile, ...] = ()
    """What was found there, for `url` addresses."""
    name: str | None = None
    """What follows the scheme: the builtin's name, the Hub's `org/name`, or `module:function`."""
    revision: str | None = None
    subset: str | None = None
    split: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
