"""How long stages took before: the manifests of earlier runs, and the time of a coming stage by their pace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pipeline.core.artifact import MANIFEST, read_json
from pipeline.core.errors import RunError

_NEWEST = 5
"""Earlier stages whose pace counts, so that a machine or a version long gone does not."""


@dataclass(frozen=True)
class Past:
    """One stage of an earlier run."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run's and the stage's name: `tiny/sft`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def seconds(self) -> float:
        """Its time by the clock."""
        return self.manifest["seconds"]

    def metric(self, name: str) -> float | None:
        """A figure of its manifest, if it is a number above 0."""
        value = self.manifest["metrics"].get(name)
        return value if isinstance(value, int | float) and value > 0 else None

    def setting(self, name: str) -> Any:
        """A setting as it counts for identity: inputs by content."""
        return self.manifest["identity"]["settings"].get(name)


def past_stages(runs: Path, smoke: bool = False) -> dict[str, list[Past]]:
    """The sealed stages of all runs in `runs`, by kind, newest first; those of smoke runs apart."""
    found: dict[str, list[Past]] = {}
    for path in runs.glob(f"*/*/{MANIFEST}"):
        if path.parts[-3].endswith("-smoke") != smoke:
            continue
        try:
            manifest = read_json(path)
        except RunError:  # of another run: its owner will hear of it, a plan can do without
            continue
        found.setdefault(manifest["kind"], []).append(Past(path.parent, manifest))
    for stages in found.values():
        stages.sort(key=lambda past: past.manifest["started"], reverse=True)
    return found


def comparable(past: Iterable[Past], device: str, world_size: int, threads: int | str) -> list[Past]:
    """Those that ran from start to end, on as many processes, and as far as is recorded on such a device."""

    def alike(one: Past) -> bool:
        how = one.manifest.get("runtime", {})
        same_threads = threads == "auto" or how.get("threads") in (threads, None, "auto")
        same_device = how.get("device", device) == device
        return not one.manifest["resumed"] and one.manifest["world_size"] == world_size and same_device and same_threads

    return [one for one in past if alike(one)]


def seconds_by_pace(past: Sequence[Past], amounts: Mapping[str, float]) -> tuple[float, str] | None:
    """The time for `amounts` of work, by metric's name and best measure first, at the median pace of the newest.

    Also said in words. Where no measure is recorded, as long as before.
    """
    newest = past[:_NEWEST]
    for name, amount in amounts.items():
        paces = [one.seconds / done for one in newest if (done := one.metric(name))]
        if paces:
            source = newest[0].name if len(paces) == 1 else f"{len(paces)} runs"
            return amount * median(paces), f"at the pace of {source}, by {name}"
    if not newest:
        return None
    return median(one.seconds for one in newest), f"as long as {newest[0].name} took"
