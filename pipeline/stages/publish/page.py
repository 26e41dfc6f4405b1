"""A card as a page: what it is, how to start, what is known of it, where it comes from, what it cannot do.

The same for models, reward models, tokenizers and data sets; each has a module that fills in its own parts.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, TypeVar

from huggingface_hub import CardData
from jinja2 import Environment, StrictUndefined

from pipeline.hub.markdown import table, verbatim
from pipeline.hub.record import public
from pipeline.stages.publish.lineage import Ancestor

Result = TypeVar("Result")

README = "README.md"
Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Section:
    """One part of a page."""

    title: str
    text: str
    level: int = 2


@dataclass(frozen=True)
class Origin:
    """Where the subject of a page comes from."""

    stages: Sequence[Ancestor] = ()
    """What led to it, its own stage last; none for something from outside."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """The recipe as resolved."""

    @property
    def digest(self) -> str:
        """What identifies the recipe; nothing without one."""
        text = json.dumps(public(self.recipe), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest() if self.recipe else ""

    @property
    def steps(self) -> str:
        """The stages in a phrase: `, made by gristmill in 3 stages: corpus → tokenizer → pretrain`."""
        if len(self.stages) < 2:
            return ", made by gristmill" if self.stages else ""
        return f", made by gristmill in {len(self.stages)} stages: {' → '.join(stage.id for stage in self.stages)}"


@dataclass(frozen=True)
class Page:
    """What one kind of card says."""

    name: str
    introduction: str
    before_start: str
    quick_start: str
    sections: Sequence[Section] = ()
    limits: Sequence[str] = ()


def render(page: Page, metadata: CardData, origin: Origin) -> bytes:
    """The whole README.md: metadata between marks, then the page."""
    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        files("pipeline.stages.publish").joinpath("page.md.jinja").read_text(encoding="utf-8")
    )
    text = template.render(
        vars(page),
        lineage=lineage_table(origin.stages) if origin.stages else "",
        recipe_digest=origin.digest[:12],
        data=data_table(origin.stages),
        recipe=verbatim(recipe_text(origin.recipe)).strip() if origin.recipe else "",
        environment=environment_table(origin.stages[-1]) if origin.stages else "",
    )
    body = re.sub(r"\n{3,}", "\n\n", text).strip()
    return f"---\n{metadata.to_yaml()}\n---\n\n{body}\n".encode()


def lineage_table(stages: Sequence[Ancestor]) -> str:
    """Every stage with what it was made from, its fingerprint and its result."""
    rows = [
        [
            stage.id if stage.id == stage.kind else f"{stage.id} ({stage.kind})",
            ", ".join(stage.sources),
            stage.fingerprint[:12],
            stage.headline,
        ]
        for stage in stages
    ]
    return table(["stage", "made from", "fingerprint", "result"], rows)


def data_table(stages: Sequence[Ancestor]) -> str:
    """Everything from outside, with what identifies its content; nothing where all came from stages."""
    digests = {address: digest for stage in stages for address, digest in stage.outside.items()}
    rows = [[address, digest] for address, digest in digests.items()]
    return table(["read from outside", "content"], rows) if rows else ""


def environment_table(stage: Ancestor) -> str:
    """The libraries that the subject's own stage ran with."""
    environment = stage.manifest.get("environment", {})
    versions = {
        **environment.get("versions", {}),
        "machine": environment.get("machine"),
        "code": environment.get("commit"),
    }
    return table(["part", "version"], [[name, version] for name, version in versions.items() if version])


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe as YAML, without the folders of the machine that it ran on."""
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML().dump(public(recipe), text)
    return text.getvalue()


def bare(name: str, quick_start: str = "") -> Files:
    """The card of something whose own could not be made."""
    program = f"\n```python\n{quick_start}\n```\n" if quick_start else ""
    return {README: f"---\ntags:\n- gristmill\n---\n\n# {name}\n{program}".encode()}


def attempted(make: Callable[[], Result], otherwise: Result) -> tuple[Result, str]:
    """What `make` makes, or `otherwise` and what went wrong, in a line.

    The only place where everything is caught. Weights that took days are not held back by a card's table: they go up
    with what could be made, and the fault is told at the end.
    """
    try:
        return make(), ""
    except Exception as error:
        return otherwise, f"{type(error).__name__}: {error}"
