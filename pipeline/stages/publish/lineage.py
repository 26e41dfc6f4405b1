"""Where an artifact comes from: every stage before it, read from the manifests from input to input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core.artifact import MANIFEST, Artifact, read_json
from pipeline.core.references import scheme_of
from pipeline.hub.record import public


@dataclass(frozen=True)
class Ancestor:
    """One stage that had a part in an artifact."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its id in the recipe."""
        return self.manifest["id"]

    @property
    def kind(self) -> str:
        """The kind of stage."""
        return self.manifest["kind"]

    @property
    def fingerprint(self) -> str:
        """What identifies what it made."""
        return self.manifest["fingerprint"]

    @property
    def headline(self) -> str:
        """Its result in a few words."""
        return self.manifest.get("headline", "")

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Its figures."""
        return self.manifest.get("metrics", {})

    @property
    def sources(self) -> list[str]:
        """Everything it was made from: stages, files, Hub repositories, builtins, functions, in the settings' order."""
        return [public(address) for address in dict.fromkeys(_addresses(self.manifest.get("settings", {})))]

    @property
    def outside(self) -> dict[str, str]:
        """What it read that no stage made, by address, with what identifies the content."""
        identity = self.manifest.get("identity", {})
        # An input that is a field's default is not told in the identity; the stage's version stands for it.
        found = dict.fromkeys(self.sources, f"default of {self.kind} {identity.get('version', 1)}")
        for address, content in _contents(self.manifest.get("settings", {}), identity.get("settings", {})):
            found[public(address)] = _shown(content)
        return {address: content for address, content in found.items() if scheme_of(address) != "stage"}


def lineage(artifact: Artifact) -> list[Ancestor]:
    """The stages that led to `artifact` and its own, each once, every one after those it was made from.

    Empty for an outside model. An input whose folder is gone ends its branch; its maker's sources still name it.
    """
    found: dict[str, Ancestor] = {}

    def visit(path: Path) -> None:
        manifest = read_json(path / MANIFEST)
        if manifest["fingerprint"] in found:
            return
        for source in manifest.get("inputs", {}).values():
            folder = _folder(path, source)
            if folder is not None:
                visit(folder)
        found[manifest["fingerprint"]] = Ancestor(path, manifest)

    if artifact.sealed:
        visit(artifact.path)
    return list(found.values())


def _folder(path: Path, source: Mapping[str, str]) -> Path | None:
    """Where an input lies: beside its consumer, or where it lay when it was used; None if no longer there."""
    for folder in (path.parent / source["address"], Path(source.get("path", ""))):
        manifest = folder / MANIFEST
        if manifest.is_file() and read_json(manifest)["fingerprint"] == source["fingerprint"]:
            return folder
    return None


def _addresses(settings: Any) -> Iterator[str]:
    """The `path` of every reference within settings."""
    if isinstance(settings, Mapping):
        if isinstance(settings.get("path"), str):
            yield settings["path"]
        for value in settings.values():
            yield from _addresses(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _addresses(value)


def _contents(settings: Any, identity: Any) -> Iterator[tuple[str, str]]:
    """The `path` of every reference in `settings` with the `input` that stands at the same place of `identity`."""
    if isinstance(settings, Mapping) and isinstance(identity, Mapping):
        if "input" in identity and isinstance(settings.get("path"), str):
            yield settings["path"], identity["input"]
        for key in (key for key in settings if key in identity):
            yield from _contents(settings[key], identity[key])
    elif isinstance(settings, list) and isinstance(identity, list):
        for value, content in zip(settings, identity, strict=True):
            yield from _contents(value, content)


def _shown(content: str) -> str:
    """What identifies an outside input, for readers: a generator's version, a commit, a sha256."""
    if content.startswith("builtin:"):
        return f"generator version {content.rsplit(':', 1)[1]}"
    if content.startswith("hf:"):
        return f"commit {content.rsplit('@', 1)[1][:12]}"
    return f"sha256 {content.rsplit(':', 1)[-1][:12]}"
