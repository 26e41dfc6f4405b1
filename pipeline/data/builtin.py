"""The catalogue of what ships with the package: `builtin:NAME` in a recipe. Names and versions only.

A family says where a name fits: `data` yields rows, a `judge` scores answers, a `task` asks questions with a known
answer.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Builtin:
    """One name of the catalogue."""

    name: str
    family: Literal["data", "judge", "task"]
    summary: str
    load: str
    """`module:function`. Data: `rows(split) -> Iterator[dict]`, with a `count` where any number of rows can be made.
    Judge and task: `make() -> object`."""
    version: int | str = 1
    """Raised when the generator's output changes: part of the fingerprint of whatever was made from it."""
    splits: tuple[str, ...] = ()
    """The splits of a data set; the first is the default."""
    truth: str | None = None
    """The judge that knows the truth about answers to these prompts."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of each split, where they are the same everywhere: what a plan counts with."""
    slow: bool = False
    """Whether the first row takes seconds, so that a plan does not read it."""
    license: str = "apache-2.0"
    """What its text may be used for: generated text is this package's; of what is read, its owner's licence."""

    def open(self, *arguments: Any) -> Any:
        """Import and call the loader."""
        return self.function()(*arguments)

    def function(self) -> Callable[..., Any]:
        """The loader, imported."""
        module, function = self.load.split(":")
        return getattr(importlib.import_module(module), function)


_VALLEY = "pipeline.data.valley"
_PYDOCS = "pipeline.data.pydocs"
_PYTHON = f"1 of Python {platform.python_version()}"
"""The version of what is read from the standard library: another Python has other docstrings."""

_PSF = "psf-2.0"

CATALOGUE: Mapping[tuple[str, str], Builtin] = {
    (entry.family, entry.name): entry
    for entry in (
        Builtin("valley", "data", "generated documents, each with its exact surprisal",
                f"{_VALLEY}.rows:documents", splits=("train",), rows={"train": 20_000}),
        Builtin("valley-web", "data", "generated documents as web pages, with planted duplicates and boilerplate",
                f"{_VALLEY}.rows:pages", splits=("train",), rows={"train": 600}),
        Builtin("valley-faults", "data", "documents and pages with every fault that a corpus stage finds, labelled",
                f"{_VALLEY}.faults:rows", splits=("train", "benchmark"), rows={"train": 2_000, "benchmark": 300}),
        Builtin("valley-requests", "data", "requests to write about a topic, with short answers",
                f"{_VALLEY}.rows:requests", splits=("train", "test"), truth="valley-judge",
                rows={"train": 6_000, "test": 500}),
        Builtin("valley-tasks", "data", "verifiable tasks: copy, reverse, last, count, compare, add, lookup, upper",
                f"{_VALLEY}.rows:tasks", splits=("train", "test"), rows={"train": 40_000, "test": 1_246}),
        Builtin("valley-chat", "data", "conversations of several turns",
                f"{_VALLEY}.rows:chat", splits=("train", "test"), rows={"train": 6_000, "test": 300}),
        Builtin("valley-prompts", "data", "requests in disjoint splits",
                f"{_VALLEY}.rows:prompts", splits=("sft", "preference", "ppo", "test"), truth="valley-judge",
                rows={"sft": 360, "preference": 290, "ppo": 540, "test": 250}),
        Builtin("valley-judge", "judge", "mean hidden weight of an answer's nouns", f"{_VALLEY}.judge:make"),
        Builtin("pydocs", "data", "docstrings and help topics of the standard library",
                f"{_PYDOCS}.rows:documents", version=_PYTHON, splits=("train",), slow=True, license=_PSF),
        Builtin("pydocs-pairs", "data", "signature to docstring, as conversations",
                f"{_PYDOCS}.rows:pairs", version=_PYTHON, splits=("train", "test"), slow=True, license=_PSF),
        Builtin("pydocs-chat", "data", "short exchanges about a signature: its name, its arguments, its summary",
                f"{_PYDOCS}.rows:chat", version=_PYTHON, splits=("train", "test"), slow=True, license=_PSF),
        Builtin("pydocs-prompts", "data", "signatures in disjoint splits",
                f"{_PYDOCS}.rows:prompts", version=_PYTHON, splits=("preference", "ppo", "test"), truth="pydocs-judge",
                slow=True, license=_PSF),
        Builtin("pydocs-judge", "judge", "one style of docstring: short, imperative, ending with a full stop",
                f"{_PYDOCS}.judge:make"),
        Builtin("exact-answer", "judge", "1 for an answer that is its prompt's column `answer`, else 0",
                "pipeline.data.verifiers:exact_answer"),
        Builtin("pattern", "judge", "1 for an answer in which its prompt's regular expression `pattern` is found",
                "pipeline.data.verifiers:pattern"),
        Builtin("perplexity", "task", "bits per byte and perplexity of held-out text",
                "pipeline.stages.evaluate.perplexity:make"),
        Builtin("valley-tasks", "task", "exact match on the eight tasks, by task", f"{_VALLEY}.rows:task"),
        Builtin("pydocs-chat", "task", "exact match on questions about a signature",
                f"{_PYDOCS}.rows:task", version=_PYTHON),
    )
}  # fmt: skip
