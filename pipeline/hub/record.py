"""`gristmill/manifest.json` of a repository: what made its content, without a path or a name of this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

RECORD = "gristmill/manifest.json"
KEPT = (
    "id", "kind", "fingerprint", "identity", "settings", "inputs", "seed", "seconds", "exact", "metrics", "headline",
    "environment",
)  # fmt: skip
"""What of a manifest is the world's business; times of day and run-time choices are not."""


def public(value: Any) -> Any:
    """The same value with every absolute path cut down to its last part: folders carry users' names."""
    if isinstance(value, Mapping):
        return {str(key): public(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item) for item in value]
    if isinstance(value, str) and value.startswith(("/", "~")) and len(PurePath(value).parts) > 1:
        return f"…/{PurePath(value).name}"
    return value


def public_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's manifest for everyone: what was made from what, how, and with what result."""
    kept = {key: manifest[key] for key in KEPT if key in manifest}
    inputs = {
        name: {"address": source["address"], "fingerprint": source["fingerprint"]}
        for name, source in kept.get("inputs", {}).items()
    }
    return public(kept | {"inputs": inputs})


def record(stages: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> bytes:
    """The record: the manifests of all stages that led to the content, its own last, and the sha256 of its files."""
    content = {"format": 1, "stages": [public_manifest(manifest) for manifest in stages], "files": dict(files)}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
