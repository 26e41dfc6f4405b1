"""What the recipe, a builtin or the Hub says about the licence of a source."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.core.artifact import Artifact
from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE
from pipeline.data.hub_rows import hub_name
from pipeline.stages.corpus.config import Source

NOT_STATED = "not stated"
_ON_THE_HUB = (
    "apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0",
    "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
    "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
    "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "odc-by", "odbl", "pddl", "unlicense", "wtfpl",
    "gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "gfdl", "mpl-2.0", "isc", "zlib",
    "c-uda", "openrail", "unknown", "other",
)  # fmt: skip
"""Identifiers of licences that the Hub takes in a card and that data are under; it refuses a card with another."""


def licence_of(source: Source, data: Resolved | Artifact) -> str:
    """The licence of a source, `not stated` where nothing is known."""
    if source.license is not None or not isinstance(data, Resolved):
        return source.license or NOT_STATED
    if data.scheme == "builtin":
        return CATALOGUE["data", str(data.name)].license
    return _on_card(data) if data.scheme == "hf" else NOT_STATED


def _on_card(data: Resolved) -> str:
    """What a data set's card says, if it can be had: a corpus is not held back by a card."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HTTPError

    try:
        path = hf_hub_download(hub_name(data), "README.md", repo_type="dataset", revision=data.revision)
        with open(path, encoding="utf-8") as file:
            head = re.match(r"---\r?\n(.*?)\r?\n---", file.read(), flags=re.DOTALL)
        stated: Any = YAML(typ="safe").load(head[1]).get("license") if head else None
    except (HTTPError, OSError, ValueError, AttributeError, YAMLError):  # no network, no card, nothing legible in it
        return NOT_STATED
    names = stated if isinstance(stated, list) else [stated]
    return ", ".join(name for name in names if isinstance(name, str)) or NOT_STATED


def card_licence(licences: Iterable[str]) -> dict[str, Any]:
    """The keys `license` and `license_name` of a card; none where nothing is stated of any source."""
    names = list(dict.fromkeys(name.strip() for licence in licences for name in licence.split(",")))
    if not set(names) - {NOT_STATED}:
        return {}
    known = [name if name in _ON_THE_HUB else "unknown" if name == NOT_STATED else "other" for name in names]
    others = [name for name, found in zip(names, known, strict=True) if found == "other" != name]
    found: dict[str, Any] = {"license": known[0] if len(set(known)) == 1 else list(dict.fromkeys(known))}
    return found | ({"license_name": ", ".join(others)} if others else {})
